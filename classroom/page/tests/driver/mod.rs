//! A real browser for the tests: `chromedriver` and a Chromium have to be there.

use anyhow::{Context, Result};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Chromedriver, which listens on a port that it says.
pub struct Driver {
    process: Child,
    addr: String,
}

impl Driver {
    pub fn start() -> Result<Driver> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .context("chromedriver does not run: sudo apt install chromium chromium-driver")?;
        let output = BufReader::new(process.stdout.take().context("no output")?);
        let mut driver = Driver { process, addr: String::new() };
        for line in output.lines() {
            if let Some((_, port)) = line?.split_once("successfully on port ") {
                driver.addr = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(driver);
            }
        }
        driver.process.wait()?;
        anyhow::bail!("chromedriver does not say its port")
    }

    /// A browser with a screen of this size.
    pub async fn browser(&self, name: &str, width: u32, height: u32) -> Result<Client> {
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &format!("--window-size={width},{height}"),
        ];
        let mut options = json!({ "args": arguments });
        let metrics = json!({ "width": width, "height": height, "pixelRatio": 2, "touch": true });
        if name == "telephone" {
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        let Value::Object(capabilities) = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        }) else {
            anyhow::bail!("no object")
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        Ok(builder.capabilities(capabilities).connect(&self.addr).await?)
    }

    /// What the console of a browser shows.
    pub async fn console(&self, browser: &Client) -> Result<String> {
        let session = browser.session_id().await?.context("no session")?;
        let mut answer = ureq::post(format!("{}/session/{session}/se/log", self.addr))
            .content_type("application/json")
            .send(r#"{"type":"browser"}"#)?;
        Ok(answer.body_mut().read_to_string()?)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It takes its browsers along, also those of a test that failed.
        let _ = ureq::get(format!("{}/shutdown", self.addr)).call();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The text of the first element that fits, as it is shown.
pub async fn text(browser: &Client, css: &str) -> Result<String> {
    Ok(browser.find(Locator::Css(css)).await.with_context(|| css.to_string())?.text().await?)
}

/// Clicks on the first element that fits.
pub async fn click(browser: &Client, css: &str) -> Result<()> {
    let element = browser.find(Locator::Css(css)).await.with_context(|| css.to_string())?;
    element.click().await.with_context(|| format!("cannot click on {css}"))
}

/// The value of a JavaScript expression.
pub async fn number(browser: &Client, script: &str) -> Result<f64> {
    let value = browser.execute(&format!("return {script}"), vec![]).await?;
    value.as_f64().with_context(|| format!("{script} is {value}"))
}
