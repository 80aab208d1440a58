//! HTTP requests of probes and scrapers.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::Result;

use crate::namespace::Namespace;
use crate::wait::DEADLINE;

impl Namespace {
    /// GET from inside: the status line, and the body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn http(&self, address: SocketAddr, path: &str) -> Result<(String, String)> {
        let answer = self.run(|| -> io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
            stream.set_read_timeout(Some(DEADLINE))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        })??;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        Ok((head.lines().next().unwrap_or_default().to_owned(), body.to_owned()))
    }
}
