//! What the tests of all stages share: the stage as real processes, with real sockets on free ports.
//!
//! | file | what it has |
//! |---|---|
//! | `stage.rs` | a stage under test: its server, its client, its experiments |
//! | `usual.rs` | the tests that many stages have, one method a test |
//! | `compare.rs` | output compared with a snapshot, without its times, ports and error texts of the system |
//! | `clients.rs` | HTTP clients of other authors: curl and ureq |
//! | `servers.rs` | servers that fail or reply wrongly, and addresses without a server |
//! | `bad_clients.rs` | clients that reset, send garbage or stop half way |
//! | `raw.rs` | a client that sends any bytes, and how long the answer takes |
//! | `writers.rs` | many clients that post at the same time |
//! | `process.rs` | signals, waiting, and programs that end with the test |
//! | `window.rs` | a user of a window, with the feature `window` |
//! | `screen.rs` | a real screen, window manager, keyboard and mouse, with the feature `window` |

mod compare;
mod stage;
mod usual;

pub mod bad_clients;
pub mod clients;
pub mod process;
pub mod raw;
#[cfg(all(feature = "window", target_os = "linux"))]
pub mod screen;
pub mod servers;
#[cfg(feature = "window")]
pub mod window;
pub mod writers;

pub use needs::{module, needs};
pub use snapbox::str;
pub use stage::{LIMIT, Stage};
pub use ureq;
