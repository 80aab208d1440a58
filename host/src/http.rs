//! A small HTTP server for probes and scrapes: GET, one answer a connection. It knows no path.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// How many clients are served at the same time; others wait in the kernel's queue.
const CLIENTS: usize = 32;

/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nobody listens.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for HTTP on {address}; give another address with --http, or leave it out")]
pub struct Error {
    /// Where.
    address: SocketAddr,
    /// What the system said.
    source: io::Error,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In one word.
    pub outcome: Outcome,
    /// What kind of text it is.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 200.
    Good,
    /// 404.
    NotFound,
    /// 503.
    Unavailable,
}

impl Outcome {
    fn status(self) -> StatusCode {
        match self {
            Self::Good => StatusCode::OK,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Answer {
    /// Words for people.
    pub fn text(outcome: Outcome, body: impl Into<String>) -> Self {
        Self { outcome, content_type: "text/plain; charset=utf-8", body: body.into() + "\n" }
    }
}

/// Takes the address.
///
/// # Errors
/// When somebody else has it.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| Error { address, source })
}

/// Serves until it is dropped. Every client costs a task of its own, so a slow one delays nobody.
///
/// # Errors
/// When the listener is of no use to tokio.
pub async fn serve<F: Future<Output = Answer> + 'static>(
    listener: TcpListener,
    answer: impl Fn(String) -> F + 'static,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let clients = Arc::new(Semaphore::new(CLIENTS));
    let answer = Rc::new(answer);
    loop {
        let Ok(permit) = Arc::clone(&clients).acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: that may pass.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let answer = Rc::clone(&answer);
        tokio::task::spawn_local(async move {
            // A client that is gone, or too slow, has what it has.
            let _ = timeout(PATIENCE, connection(stream, answer)).await;
            drop(permit);
        });
    }
}

async fn connection<F: Future<Output = Answer> + 'static>(
    stream: TcpStream,
    answer: Rc<impl Fn(String) -> F + 'static>,
) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let known = matches!(*request.method(), Method::GET | Method::HEAD);
        let answering = known.then(|| answer(request.uri().path().to_owned()));
        async move {
            let response = match answering {
                Some(answering) => response(answering.await),
                None => with_status(StatusCode::METHOD_NOT_ALLOWED, Response::default()),
            };
            Ok::<_, Infallible>(response)
        }
    });
    hyper::server::conn::http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(answer.content_type));
    with_status(answer.outcome.status(), response)
}

fn with_status(status: StatusCode, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    *response.status_mut() = status;
    response
}
