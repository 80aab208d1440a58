//! Two texts, line by line: `-` stands only in the golden file, `+` only in what was found.

/// The number of equal lines shown around a difference.
const CONTEXT: usize = 2;

/// One line of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DiffLine<'a> {
    Both(&'a str),
    Wanted(&'a str),
    Found(&'a str),
}

/// The differing lines, with some context.
pub(crate) fn difference(wanted: &str, found: &str) -> String {
    let lines = align(&wanted.lines().collect::<Vec<_>>(), &found.lines().collect::<Vec<_>>());
    let differs = |line: &DiffLine<'_>| !matches!(line, DiffLine::Both(_));
    let near = |at: usize| lines[at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(lines.len())].iter().any(differs);
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| near(*at)) {
        if at > 0 && !near(at - 1) {
            text += "  ...\n";
        }
        text += &match line {
            DiffLine::Both(line) => format!("  {line}\n"),
            DiffLine::Wanted(line) => format!("- {line}\n"),
            DiffLine::Found(line) => format!("+ {line}\n"),
        };
    }
    text
}

/// Along a longest common subsequence. Golden files are small enough for the whole matrix.
fn align<'a>(wanted: &[&'a str], found: &[&'a str]) -> Vec<DiffLine<'a>> {
    let mut common = vec![vec![0_usize; found.len() + 1]; wanted.len() + 1];
    for i in (0..wanted.len()).rev() {
        for j in (0..found.len()).rev() {
            let skipping = common[i + 1][j].max(common[i][j + 1]);
            common[i][j] = if wanted[i] == found[j] { common[i + 1][j + 1] + 1 } else { skipping };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < wanted.len() || j < found.len() {
        if i < wanted.len() && j < found.len() && wanted[i] == found[j] {
            lines.push(DiffLine::Both(wanted[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == found.len() || i < wanted.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(DiffLine::Wanted(wanted[i]));
            i += 1;
        } else {
            lines.push(DiffLine::Found(found[j]));
            j += 1;
        }
    }
    lines
}
