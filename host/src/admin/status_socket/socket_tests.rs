#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net;
use std::sync::mpsc;

use super::*;

/// Only giving way to others can end a silent connection.
const FOREVER: Duration = Duration::from_hours(1);
const BOUNDS: Bounds = Bounds { places: 8, grace: Duration::ZERO, silence: FOREVER, patience: FOREVER };

/// Serves a text, and an answer to whatever is asked, on a thread of its own until the test ends.
fn serve(path: &Path, text: &'static str, answer: &'static str) -> Result<(), Error> {
    let (open, opened) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            match StatusSocket::open(&path) {
                Ok(socket) => {
                    open.send(Ok(())).unwrap();
                    let answered = move |mut stream: UnixStream, _| async move {
                        let _ = stream.write_all(answer.as_bytes()).await;
                    };
                    socket.serve(BOUNDS, move || async move { text.to_owned() }, answered).await;
                }
                Err(error) => open.send(Err(error)).unwrap(),
            }
        });
    });
    opened.recv().unwrap_or_else(|error| panic!("{error}"))
}

/// As an egressd of earlier releases does: what connects gets the text, and is not read.
fn serve_as_before(path: &Path, text: &'static str) {
    let listener = net::UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(text.as_bytes());
        }
    });
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    (dir, path)
}

#[test]
fn whoever_connects_gets_the_document_and_only_the_owner_may() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/when/needed.sock");
    serve(&path, "{}", "").unwrap();
    assert_eq!(read(&path).unwrap(), "{}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (MODE, 0o700));
}

/// As `status` of earlier releases does.
#[test]
fn a_client_that_only_waits_gets_the_document() {
    let (_dir, path) = place();
    serve(&path, "{}", "").unwrap();
    let mut text = String::new();
    net::UnixStream::connect(&path).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "{}");
}

#[test]
fn a_probe_says_yes_or_why_not() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\nready\n", Ok(())),
        ("HTTP/1.1 503 Service Unavailable\r\nx: y\r\n\r\nnothing is in force yet\n", Err("nothing is in force yet")),
        ("HTTP/1.1 404 Not Found\r\n\r\n", Err("it answers 404, so it knows no such probe")),
        ("", Err("it ends the connection without an answer")),
    ] {
        let (_dir, path) = place();
        serve(&path, "{}", answer).unwrap();
        let result = probe(&path, Probe::Ready).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(|why| format!("egressd is not ready: {why}")), "{answer}");
    }
}

#[test]
fn an_egressd_that_knows_no_probes_is_live_and_shows_by_its_document_whether_it_is_ready() {
    for (document, ready) in
        [("{\"node\":\"a\",\"inForceSince\":\"2026\"}", true), ("{\"node\":\"a\",\"inForceSince\":null}", false)]
    {
        let (_dir, path) = place();
        serve_as_before(&path, document);
        assert_eq!(read(&path).unwrap(), document);
        assert!(probe(&path, Probe::Live).is_ok(), "{document}");
        assert_eq!(probe(&path, Probe::Ready).is_ok(), ready, "{document}");
    }
}

#[test]
fn where_none_answers_a_probe_says_so() {
    let (_dir, path) = place();
    assert!(matches!(probe(&path, Probe::Live), Err(Error::NoAnswer { .. })));
    drop(net::UnixListener::bind(&path).unwrap());
    assert!(matches!(probe(&path, Probe::Live), Err(Error::NoAnswer { .. })));
}

/// It is stopped, or worse.
#[test]
fn an_egressd_that_takes_no_connection_is_given_up() {
    let (_dir, path) = place();
    let _listens = net::UnixListener::bind(&path).unwrap();
    assert!(matches!(probe(&path, Probe::Live), Err(Error::Late { .. })));
}

#[test]
fn a_client_that_reads_nothing_delays_no_other() {
    let (_dir, path) = place();
    let long: &'static str = Box::leak("x".repeat(8 << 20).into_boxed_str());
    serve(&path, long, "").unwrap();
    let slow: Vec<_> = (0..2 * BOUNDS.places).map(|_| net::UnixStream::connect(&path).unwrap()).collect();
    slow.iter().for_each(|stream| stream.shutdown(std::net::Shutdown::Write).unwrap());
    assert_eq!(read(&path).unwrap().len(), long.len());
}

#[test]
fn clients_that_begin_and_fall_silent_lock_no_other_out() {
    let (_dir, path) = place();
    let (open, opened) = mpsc::channel();
    let at = path.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            let socket = StatusSocket::open(&at).unwrap();
            open.send(()).unwrap();
            let waits = |_, _| std::future::pending();
            socket.serve(BOUNDS, || async { "{}".to_owned() }, waits).await;
        });
    });
    opened.recv().unwrap();
    let mut silent: Vec<_> = (0..2 * BOUNDS.places).map(|_| net::UnixStream::connect(&path).unwrap()).collect();
    silent.iter_mut().for_each(|stream| drop(stream.write_all(b"GET /")));
    assert_eq!(read(&path).unwrap(), "{}");
}

#[test]
fn a_dead_process_is_replaced_and_a_living_one_is_not() {
    let (_dir, path) = place();
    drop(net::UnixListener::bind(&path).unwrap());
    assert!(matches!(read(&path), Err(Error::NoAnswer { .. })));
    serve(&path, "first", "").unwrap();
    assert!(matches!(serve(&path, "second", ""), Err(Error::Taken { .. })));
    assert_eq!(read(&path).unwrap(), "first");
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let (_dir, path) = place();
    fs::write(&path, "precious").unwrap();
    assert!(matches!(make_way(&path), Err(Error::NoSocket { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

/// By whoever cleans /run, or puts something in its place.
#[test]
fn a_socket_that_is_removed_or_replaced_is_noticed() {
    for replaced in [false, true] {
        let (_dir, path) = place();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let socket = StatusSocket::open(&path).unwrap();
            let serve = || socket.serve(BOUNDS, || async { String::new() }, |_, _| async {});
            timeout(Duration::from_millis(100), serve()).await.unwrap_err();
            fs::remove_file(&path).unwrap();
            if replaced {
                fs::write(&path, "").unwrap();
            }
            timeout(2 * SOCKET_CHECK_INTERVAL, serve()).await.unwrap();
        });
    }
}
