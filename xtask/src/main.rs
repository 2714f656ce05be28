//! What must run before and around cargo.
fn main() {}
