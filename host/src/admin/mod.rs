//! What administrators ask and see: the status document and the doors that serve it, `plan`, `diff` and `clean`.

pub mod clean;
pub mod pool;
pub mod admin_server;
pub mod document;
pub mod http;
pub mod oneshot;
pub mod output;
mod scrape;
pub mod status_socket;
