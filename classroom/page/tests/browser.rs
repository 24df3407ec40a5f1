//! The page in a real browser, driven as a person drives it: `chromedriver` and a Chromium have to be there.

#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use ladder::Ladder;
use needs::needs;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A laptop's, a projector's and a telephone's screen, in pixels of the page.
const SCREENS: [(&str, u32, u32); 3] =
    [("laptop", 1366, 768), ("projector", 1920, 1080), ("telephone", 390, 844)];

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder for the page and the pictures of it, which stay there to be looked at.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("page-of-the-tests")
}

/// Writes the page.
fn make_page() -> Result<PathBuf> {
    let output = Command::new(env!("CARGO_BIN_EXE_page"))
        .arg("--out")
        .arg(folder())
        .current_dir(root())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = folder().join("index.html");
    let said = String::from_utf8(output.stdout)?;
    ensure!(said.starts_with(&format!("{} (", path.display())), "{said}");
    let size = fs::metadata(&path)?.len();
    ensure!((100_000..2_000_000).contains(&size), "the page has {size} bytes");
    Ok(path)
}

/// Chromedriver, which listens on a port that it says.
struct Driver {
    process: Child,
    addr: String,
}

impl Driver {
    fn start() -> Result<Driver> {
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
    async fn browser(&self, name: &str, width: u32, height: u32) -> Result<Client> {
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
    async fn console(&self, browser: &Client) -> Result<String> {
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
async fn text(browser: &Client, css: &str) -> Result<String> {
    Ok(browser.find(Locator::Css(css)).await.with_context(|| css.to_string())?.text().await?)
}

async fn click(browser: &Client, css: &str) -> Result<()> {
    let element = browser.find(Locator::Css(css)).await.with_context(|| css.to_string())?;
    element.click().await.with_context(|| format!("cannot click on {css}"))
}

/// Presses a key, wherever the keyboard is at work.
async fn press(browser: &Client, key: Key) -> Result<()> {
    let value = char::from(key);
    let keys = KeyActions::new("keyboard".to_string());
    let keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
    browser.perform_actions(keys).await.context("cannot press a key")?;
    Ok(())
}

/// The part of the address that says what is shown.
async fn fragment(browser: &Client) -> Result<String> {
    Ok(browser.current_url().await?.fragment().unwrap_or_default().to_string())
}

async fn number(browser: &Client, script: &str) -> Result<f64> {
    let value = browser.execute(&format!("return {script}"), vec![]).await?;
    value.as_f64().with_context(|| format!("{script} is {value}"))
}

/// Nothing is wider than the screen, and letters can be read.
async fn fits(browser: &Client, name: &str) -> Result<()> {
    let wide = number(browser, "document.documentElement.scrollWidth").await?;
    let screen = number(browser, "document.documentElement.clientWidth").await?;
    assert!(wide <= screen, "{name}: {wide} of {screen} pixels");
    let letters = "parseFloat(getComputedStyle(document.querySelector('main > *')).fontSize)";
    let size = number(browser, letters).await?;
    assert!(size >= if name == "projector" { 18.0 } else { 13.0 }, "{name}: {size} pixels");
    Ok(())
}

async fn walk(driver: &Driver, page: &Path, name: &str, width: u32, height: u32) -> Result<()> {
    let browser = driver.browser(name, width, height).await?;
    let page = format!("file://{}", page.display());
    browser.goto(&page).await?;

    // Chooses two stages and a file, and sees what has changed.
    let choose = async |id: &str, stage: &str| -> Result<()> {
        browser.find(Locator::Id(id)).await?.select_by_label(stage).await?;
        Ok(())
    };
    choose("from", "s05_get").await?;
    choose("to", "s07_put").await?;
    click(&browser, "[data-view='src/server.rs']").await?;
    assert_eq!(fragment(&browser).await?, "s05_get..s07_put/src/server.rs");
    assert_eq!(text(&browser, "h1").await?, "7. PUT: change a message by its index");
    let tab = text(&browser, "[aria-current]").await?;
    assert!(tab.starts_with("server.rs +"), "{tab}");
    let mark = text(&browser, ".new mark").await?;
    assert!(!mark.trim().is_empty(), "a word that changed is marked");
    // A chunk in a fold is not displayed.
    let old = browser.find(Locator::Css(".code > .chunk:not(.different) .old")).await?;
    assert_eq!(old.is_displayed().await?, name != "telephone", "one column or two");
    let line = browser.find(Locator::Css(".different .old p")).await?;
    assert!(line.is_displayed().await?, "what went is shown");
    fits(&browser, name).await?;
    fs::write(picture_path(name, "code"), browser.screenshot().await?)?;

    // Unfolds what stays the same.
    let lines = "document.querySelectorAll('details.fold[open]').length";
    assert_eq!(number(&browser, lines).await?, 0.0);
    click(&browser, "details.fold summary").await?;
    assert_eq!(number(&browser, lines).await?, 1.0);

    // Both go one stage on, and further, up to the last.
    press(&browser, Key::Right).await?;
    assert_eq!(fragment(&browser).await?, "s06_form..s08_sqlite/src/server.rs");
    assert_eq!(text(&browser, "h1").await?, "8. SQLite: survive a restart");
    let ladder = Ladder::open(&root())?;
    let names: Vec<&str> = ladder.stages().map(|stage| stage.name.as_str()).collect();
    let [.., before, from, to, last] = names[..] else { anyhow::bail!("{names:?}") };
    for _ in &names {
        press(&browser, Key::Right).await?;
    }
    assert_eq!(fragment(&browser).await?, format!("{from}..{last}/src/server.rs"));
    let title = text(&browser, "h1").await?;
    press(&browser, Key::Left).await?;
    assert_eq!(fragment(&browser).await?, format!("{before}..{to}/src/server.rs"));

    // A link, and a reload, open the same view.
    browser.refresh().await?;
    let second_to_last = names.len() - 1;
    assert!(text(&browser, "h1").await?.starts_with(&format!("{second_to_last}. ")));
    assert!(text(&browser, "[aria-current]").await?.starts_with("server.rs"));
    browser.back().await?;
    assert_eq!(text(&browser, "h1").await?, title);
    browser.goto(&format!("{page}#s06_form..s07_put/wire")).await?;

    // On the wire: what differs, and in full.
    let row = "//tr[@class='different'][td[1]//summary[.='PUT /0']]";
    let row = browser.find(Locator::XPath(row)).await.context("PUT /0 does not differ")?;
    let cells = row.find_all(Locator::Css("td")).await?;
    assert_eq!(cells[1].text().await?, "404");
    assert_eq!(cells[2].text().await?, "200, text/plain");
    let rows = "document.querySelectorAll('.wire tr').length";
    assert!(number(&browser, rows).await? > 50.0);
    let differ = "document.querySelectorAll('.wire tr.different').length";
    let differ = number(&browser, differ).await?;
    assert!((6.0..20.0).contains(&differ), "{differ}");
    click(&browser, "#only-different").await?;
    assert_eq!(number(&browser, rows).await?, differ + 1.0, "the rows that differ, and their head");
    click(&browser, "tr.different summary").await?;
    // The browser opens the other cell of the row a moment later.
    let other = Locator::Css("tr.different td:last-child details[open]");
    browser.wait().for_element(other).await.context("the other cell stays closed")?;
    assert!(
        text(&browser, "tr.different td:last-child pre")
            .await?
            .starts_with("HTTP/1.1 201 Created\n")
    );
    fits(&browser, name).await?;
    fs::write(picture_path(name, "wire"), browser.screenshot().await?)?;

    click(&browser, "[data-view=replay]").await?;
    let replay = text(&browser, ".replay").await?;
    assert!(replay.contains("> PUT /0 고친 말") && replay.contains("201 Created"), "{replay}");
    fits(&browser, name).await?;
    fs::write(picture_path(name, "replay"), browser.screenshot().await?)?;

    click(&browser, "[data-view=notes]").await?;
    assert!(text(&browser, ".notes").await?.contains("What is new."));
    let picture = "document.querySelector('.notes img').naturalWidth";
    assert!(number(&browser, picture).await? > 100.0, "the picture is in the page");
    fits(&browser, name).await?;
    fs::write(picture_path(name, "notes"), browser.screenshot().await?)?;

    // Dark and light, larger and smaller; and back from there to code.
    let paper = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])";
    let before = number(&browser, paper).await?;
    click(&browser, "#light").await?;
    let after = number(&browser, paper).await?;
    assert!((before - after).abs() > 150.0, "{before} {after}");
    let size = "parseFloat(getComputedStyle(document.body).fontSize)";
    let before = number(&browser, size).await?;
    click(&browser, "#larger").await?;
    assert!(number(&browser, size).await? > before);
    browser.goto(&format!("{page}#{from}..{last}/src/http.rs")).await?;
    fits(&browser, name).await?;
    fs::write(picture_path(name, "dark"), browser.screenshot().await?)?;

    // A stage or a file that is not there: the page shows the first that is; also from a later stage to an earlier one.
    browser.goto(&format!("{page}#s01_echo..s99_none/src/server.rs")).await?;
    browser.goto(&format!("{page}#s07_put..s06_form/src/nothing.rs")).await?;
    assert!(text(&browser, "[aria-current]").await?.starts_with("main.rs"));
    assert_eq!(text(&browser, ".names span:last-child").await?, "s06_form");

    // An address that means nothing shows what was there before.
    for strange in ["%", "s06_form..s07_put/constructor", "s06_form..s07_put/%E0%A4%A", "../x"] {
        browser.goto(&format!("{page}#{strange}")).await?;
        assert!(text(&browser, "[aria-current]").await?.starts_with("main.rs"), "{strange}");
    }

    // The keyboard alone: what was chosen keeps the focus.
    click(&browser, "[data-view='src/client.rs']").await?;
    press(&browser, Key::Right).await?;
    let focused = "document.activeElement.dataset.view === 'src/client.rs' ? 1 : 0";
    assert_eq!(number(&browser, focused).await?, 1.0);

    let fetched =
        "performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length";
    assert_eq!(number(&browser, fetched).await?, 0.0, "all is in the file");
    let console = driver.console(&browser).await?;
    assert_eq!(console, r#"{"value":[]}"#, "{name}");
    browser.close().await?;
    Ok(())
}

/// Where the picture of a view is kept.
fn picture_path(name: &str, view: &str) -> PathBuf {
    folder().join(format!("{name}-{view}.png"))
}

#[needs("chromedriver", "chromium", "postgres")]
#[test]
fn a_person_compares_two_stages() -> Result<()> {
    let page = make_page()?;
    let driver = Driver::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (name, width, height) in SCREENS {
        runtime.block_on(walk(&driver, &page, name, width, height)).context(name)?;
    }
    Ok(())
}
