//! What administrators ask and see: the status document and the listeners that serve it, `plan`, `diff` and `clean`.

pub mod admin_server;
pub mod clean;
pub mod cni;
pub mod document;
pub mod explain;
pub mod http;
pub mod manual;
pub mod oneshot;
pub mod output;
pub mod pool;
pub mod print;
mod scrape;
pub mod status_socket;
