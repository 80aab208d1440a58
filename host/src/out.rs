//! The only way to stdout and stderr. Whoever reads may stop (`egressd plan | head -1`): what is left is then for no
//! reader, which is no error, and the exit code is the same as without it.

use std::io::{self, IsTerminal, StderrLock, StdoutLock, Write};

/// A stream, and whether something reads it.
#[derive(Debug)]
pub struct Out<W> {
    stream: W,
    reader: Reader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Reads,
    Gone,
}

pub fn stdout() -> Out<StdoutLock<'static>> {
    Out::new(io::stdout().lock())
}

/// What people should know beside it.
pub fn stderr() -> Out<StderrLock<'static>> {
    Out::new(io::stderr().lock())
}

impl<W> Out<W> {
    fn new(stream: W) -> Self {
        Self { stream, reader: Reader::Reads }
    }
}

impl<W: IsTerminal> Out<W> {
    /// Whether a person reads it.
    pub fn is_terminal(&self) -> bool {
        self.stream.is_terminal()
    }
}

impl<W: Write> Out<W> {
    fn unless_gone<T>(&mut self, otherwise: T, write: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.reader == Reader::Gone {
            return Ok(otherwise);
        }
        match write(&mut self.stream) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader = Reader::Gone;
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_gone(bytes.len(), |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_gone((), W::flush)
    }
}

/// A stream to a disk without room, for tests.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct FullDisk;

#[cfg(test)]
impl Write for FullDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one write, then fails.
    struct Once(usize, io::ErrorKind);

    impl Write for Once {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 == 1 { Ok(bytes.len()) } else { Err(self.1.into()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.1.into())
        }
    }

    #[test]
    fn a_reader_that_is_gone_is_written_to_no_more_and_is_no_error() {
        let mut out = Out::new(Once(0, io::ErrorKind::BrokenPipe));
        for _ in 0..3 {
            assert!(writeln!(out, "line").and_then(|()| out.flush()).is_ok());
        }
        assert_eq!(out.stream.0, 1, "the flush after the first line showed it");
    }

    #[test]
    fn every_other_error_is_one() {
        let mut out = Out::new(Once(1, io::ErrorKind::StorageFull));
        assert_eq!(writeln!(out, "line").map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }
}
