//! SPDX licence expressions, as far as crates use them.

/// Whether an expression leaves a choice that is allowed. `/` is how old crates write `OR`.
pub(crate) fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let (verdict, read) = alternatives(&tokens, allowed);
    verdict && read == tokens.len()
}

/// `a OR b`: the verdict, and how many tokens it took.
fn alternatives(tokens: &[&str], allowed: &[&str]) -> (bool, usize) {
    let (mut verdict, mut at) = conjunction(tokens, allowed);
    while tokens.get(at) == Some(&"OR") {
        let (other, read) = conjunction(&tokens[at + 1..], allowed);
        (verdict, at) = (verdict || other, at + 1 + read);
    }
    (verdict, at)
}

/// `a AND b`, which binds closer.
fn conjunction(tokens: &[&str], allowed: &[&str]) -> (bool, usize) {
    let (mut verdict, mut at) = primary(tokens, allowed);
    while tokens.get(at) == Some(&"AND") {
        let (other, read) = primary(&tokens[at + 1..], allowed);
        (verdict, at) = (verdict && other, at + 1 + read);
    }
    (verdict, at)
}

/// A licence, one with an exception, or an expression in brackets.
fn primary(tokens: &[&str], allowed: &[&str]) -> (bool, usize) {
    match tokens {
        ["(", rest @ ..] => {
            let (verdict, read) = alternatives(rest, allowed);
            (verdict && rest.get(read) == Some(&")"), read + 2)
        }
        [licence, "WITH", exception, ..] => (allowed.contains(&format!("{licence} WITH {exception}").as_str()), 3),
        [licence, ..] => (allowed.contains(licence), 1),
        [] => (false, 0),
    }
}

#[test]
fn an_expression_needs_one_allowed_alternative() {
    let allowed = ["MIT", "Apache-2.0", "BSD-3-Clause"];
    for fine in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-3.0) AND BSD-3-Clause", "MIT AND Apache-2.0"] {
        assert!(is_allowed(fine, &allowed), "{fine}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0 WITH LLVM-exception", "(MIT OR GPL-3.0", "", "MIT MIT"] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}
