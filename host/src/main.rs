//! The program `egressd`.

fn main() {}
