//! The one program of the house.
fn main() {}
