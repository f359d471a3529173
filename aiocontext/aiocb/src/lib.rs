//! The aiocb component of libaiocontext: counted asynchronous requests.
