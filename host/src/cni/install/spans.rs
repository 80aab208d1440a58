//! Where the parts of a JSON text are, so that one of them can be changed and all others keep their bytes. The text is
//! known to be JSON; of any other text nothing is found, and nothing panics.

use std::ops::Range;

/// A text, read from a place on.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// The value of a member of the object that a text is; none where it is missing or there twice.
pub(super) fn member(text: &str, name: &str) -> Option<Range<usize>> {
    let mut cursor = Cursor { text, at: 0 };
    let mut found = None;
    cursor.list(b'{', b'}', |cursor| {
        let key = cursor.value()?;
        cursor.sign(b':')?;
        let value = cursor.value()?;
        let is_wanted = serde_json::from_str::<String>(text.get(key)?).is_ok_and(|key| key == name);
        match (is_wanted, &found) {
            (true, Some(_)) => return None,
            (true, None) => found = Some(value),
            (false, _) => {}
        }
        Some(())
    })?;
    found
}

/// The elements of the array that is at this place of a text.
pub(super) fn elements(text: &str, array: Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut cursor = Cursor { text, at: array.start };
    let mut found = Vec::new();
    cursor.list(b'[', b']', |cursor| {
        found.push(cursor.value()?);
        Some(())
    })?;
    Some(found)
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn sign(&mut self, sign: u8) -> Option<()> {
        self.skip_blanks();
        (self.peek()? == sign).then(|| self.at += 1)
    }

    /// Items between two signs, separated by commas.
    fn list(&mut self, open: u8, close: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.sign(open)?;
        if self.sign(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.sign(b',').is_none() {
                return self.sign(close);
            }
        }
    }

    /// Moves behind the next value.
    fn value(&mut self) -> Option<Range<usize>> {
        self.skip_blanks();
        let start = self.at;
        match self.peek()? {
            b'"' => self.string()?,
            b'{' | b'[' => self.brackets()?,
            _ => self.scalar(),
        }
        (self.at > start).then_some(start..self.at)
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    fn brackets(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn scalar(&mut self) {
        let ends = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b':');
        while self.peek().is_some_and(|byte| !ends(byte)) {
            self.at += 1;
        }
    }
}
