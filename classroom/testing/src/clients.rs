//! HTTP clients of other authors. With them a test finds a fault that the stage's server and client have in
//! common.

use crate::Stage;
use anyhow::Result;
use replay::Server;
use snapbox::cmd::{Command, OutputAssert};
use snapbox::str;
use ureq::Error::StatusCode;

/// What curl prints if it asks the server at `addr` for `path`: the body, then the status.
pub fn curl(addr: &str, arguments: &[&str], path: &str) -> OutputAssert {
    let format = ["--silent", "--show-error", "--max-time", "20", "--write-out", " %{http_code}"];
    let url = format!("http://{addr}{path}");
    Command::new("curl").args(format).args(arguments).arg(url).assert().success()
}

/// The error status (4xx or 5xx) that ureq gets if it asks the server at `addr` for `path`; 0 if it gets another one.
pub fn ureq_is_refused(addr: &str, method: &str, path: &str) -> Result<u16> {
    let request = ureq::http::Request::builder().method(method).uri(format!("http://{addr}{path}"));
    match ureq::run(request.body("")?) {
        Ok(_) => Ok(0),
        Err(StatusCode(status)) => Ok(status),
        Err(error) => Err(error.into()),
    }
}

/// What ureq reads if it asks the server at `addr` for `path`.
pub fn ureq_gets(addr: &str, path: &str) -> Result<String> {
    Ok(ureq::get(format!("http://{addr}{path}")).call()?.body_mut().read_to_string()?)
}

impl Stage {
    /// curl at a server that sends back what is posted and keeps nothing: stages 3 and 4.
    pub fn curl_posts(&self) -> Result<()> {
        let server = self.server()?;
        let addr = server.addr();
        curl(addr, &["--data", "하나"], "/").stdout_eq("하나 200");
        curl(addr, &["--data", "@Cargo.toml"], "/elsewhere").stdout_eq("404 Not Found\n 404");
        curl(addr, &[], "/").stdout_eq("405 Method Not Allowed\n 405");
        curl(addr, &["--head"], "/").stdout_eq(str![[r#"
HTTP/1.1 405 Method Not Allowed
Content-Type: text/plain; charset=utf-8
Content-Length: 23
Allow: POST
Connection: close

 405
"#]]);
        Ok(())
    }

    /// curl at a server whose messages have an index: from stage 7 on.
    pub fn curl_changes_a_message(&self) -> Result<()> {
        let server = self.server()?;
        let addr = server.addr();
        curl(addr, &["--data", "하나"], "/").stdout_eq("하나 201");
        curl(addr, &["--request", "PUT", "--data", "둘"], "/0").stdout_eq("둘 200");
        curl(addr, &[], "/").stdout_eq("[\"둘\"] 200");
        curl(addr, &["--head"], "/0").stdout_eq(str![[r#"
HTTP/1.1 200 OK
Content-Type: text/plain; charset=utf-8
Content-Length: 3
Connection: close

 200
"#]]);
        curl(addr, &["--request", "DELETE"], "/0").stdout_eq("405 Method Not Allowed\n 405");
        Ok(())
    }

    /// ureq posts a message to a new server of stages 3 to 6: the status is 200, no message has a path of its
    /// own, and none can be changed. Returns the server.
    pub fn after_a_post_by_ureq(&self) -> Result<Server> {
        let server = self.server()?;
        let mut made = ureq::post(format!("http://{}/", server.addr())).send("하나")?;
        assert_eq!(made.status(), 200);
        assert_eq!(made.body_mut().read_to_string()?, "하나");
        assert_eq!(ureq_is_refused(server.addr(), "GET", "/0")?, 404);
        assert_eq!(ureq_is_refused(server.addr(), "PUT", "/")?, 405);
        Ok(server)
    }

    /// ureq at a server that sends back what is posted and keeps nothing: stages 3 and 4.
    pub fn ureq_posts(&self) -> Result<()> {
        let server = self.after_a_post_by_ureq()?;
        assert_eq!(ureq_is_refused(server.addr(), "GET", "/")?, 405);
        Ok(())
    }

    /// ureq at a server whose messages have an index: from stage 7 on.
    pub fn ureq_changes_a_message(&self) -> Result<()> {
        let server = self.server()?;
        let url = |path: &str| format!("http://{}{path}", server.addr());
        let mut made = ureq::post(url("/")).send("하나")?;
        assert_eq!(made.status(), 201);
        assert_eq!(made.headers()["location"], "/0");
        assert_eq!(made.body_mut().read_to_string()?, "하나");
        assert_eq!(ureq::put(url("/0")).send("둘")?.status(), 200);
        assert_eq!(ureq_gets(server.addr(), "/0")?, "둘");
        assert_eq!(ureq::head(url("/0")).call()?.headers()["content-length"], "3");
        assert_eq!(ureq_is_refused(server.addr(), "GET", "/1")?, 404);
        assert_eq!(ureq_is_refused(server.addr(), "DELETE", "/")?, 405);
        Ok(())
    }
}
