//! What the report says of the header trees in `capi-tests/host`, for two architectures, and of
//! every mistake that must be refused.

mod asked;
mod build_systems;
mod layouts;
mod refusals;
