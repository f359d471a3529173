//! Tells the tests which machine they are compiled on.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let host = std::env::var("HOST").expect("cargo names the host");
    println!("cargo:rustc-env=CAPI_TESTS_HOST={host}");
}
