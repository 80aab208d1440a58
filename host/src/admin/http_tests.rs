#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use super::*;

/// Only giving way to others can end a silent connection.
const FOREVER: Duration = Duration::from_hours(1);

/// A listener that answers everything with the path, on a thread of its own until the test ends.
fn listener() -> SocketAddr {
    let (opened, address) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
            opened.send(listener.local_addr().unwrap()).unwrap();
            let bounds = Bounds { silence: FOREVER, patience: FOREVER, ..Bounds::default() };
            let answer = |get: HttpRequest| {
                let accept = get.accept.map(|accept| format!("{accept} ")).unwrap_or_default();
                std::future::ready(HttpAnswer::text(HttpOutcome::Good, accept + &get.path))
            };
            serve(listener, bounds, answer).await;
        });
    });
    address.recv().unwrap()
}

fn connected(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn silent_connections_lock_no_other_out_and_the_oldest_goes_first() {
    let address = listener();
    let mut silent: Vec<TcpStream> = (0..128).map(|_| connected(address, "GET /")).collect();
    assert!(answer(connected(address, "GET /metrics HTTP/1.1\r\n\r\n")).ends_with("/metrics\n"));
    let mut nothing = [0];
    assert!(!matches!(silent[0].read(&mut nothing), Ok(1..)), "it had no answer");
    // The youngest has its place still.
    let youngest = silent.last_mut().unwrap();
    youngest.write_all(b"livez HTTP/1.1\r\n\r\n").unwrap();
    assert!(answer(silent.pop().unwrap()).ends_with("/livez\n"));
}

#[test]
fn a_request_has_a_bounded_length() {
    let address = listener();
    let header = format!("x: {}\r\n", "x".repeat(100));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(MAX_HEADERS + 1));
    let long = format!("GET / HTTP/1.1\r\n{}\r\n", header.repeat(MAX_REQUEST / 100));
    for request in [many, long] {
        assert!(answer(connected(address, &request)).starts_with("HTTP/1.1 431 "), "{} bytes", request.len());
    }
    assert!(answer(connected(address, "POST / HTTP/1.1\r\n\r\n")).starts_with("HTTP/1.1 405 "));
}

#[test]
fn what_a_client_accepts_may_stand_in_several_headers() {
    let request = "GET / HTTP/1.1\r\nAccept: text/plain\r\naccept: */*;q=0.1\r\n\r\n";
    assert!(answer(connected(listener(), request)).ends_with("text/plain,*/*;q=0.1 /\n"));
}
