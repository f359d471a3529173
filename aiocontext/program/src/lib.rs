//! What only some programs have: weak imports of the program's functions, with defaults.
