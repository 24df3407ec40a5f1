//! The page of `cargo lesson class` in a real browser, with the real board and its server.

#![cfg(target_os = "linux")]

mod driver;

use anyhow::{Context, Result, ensure};
use driver::{Driver, click, number, text};
use fantoccini::Client;
use needs::needs;
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A laptop's and a projector's screen, and the least size of a name's letters on it, all in pixels.
const SCREENS: [(&str, u32, u32, f64); 2] =
    [("laptop", 1366, 768, 22.0), ("projector", 1920, 1080, 30.0)];

/// Finds what is not whole on the screen, above the line at the bottom.
const OUTSIDE: &str = "
    const bottom = document.querySelector('footer').getBoundingClientRect().top + 1;
    const parts = [...document.querySelectorAll('.row, .row > *, .heads > *, .mark')].filter(one => !one.closest('footer'));
    return parts.map(one => [one, one.getBoundingClientRect()])
        .filter(([one, box]) => box.right > innerWidth + 1 || box.left < 0 || box.top < 0 || box.bottom > bottom)
        .map(([one, box]) => `${one.className} ${one.textContent} ${JSON.stringify(box)}`);";

/// The folder for the pictures, which stay there to be looked at.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("board-of-the-tests")
}

/// A running board, with its server and its page.
struct Board {
    process: Child,
    /// Where its server listens (HOST:PORT).
    addr: String,
    page: PathBuf,
}

impl Board {
    fn start(name: &str, more: &[&str]) -> Result<Board> {
        let page = folder().join(name);
        let mut process = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--package", "lesson", "--", "class"])
            .args(["--addr", "127.0.0.1:0", "--page"])
            .arg(&page)
            .args(more)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
            .env("LC_ALL", "C")
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(process.stdout.take().context("no output")?);
        let mut board = Board { process, addr: String::new(), page: page.join("index.html") };
        let mut lines = output.lines();
        let line = lines.next().context("the board says nothing")??;
        let (_, addr) = line.split_once(" --class ").context(line.clone())?;
        board.addr = addr.split(' ').next().unwrap_or_default().to_string();
        // The board waits if its output is not read.
        std::thread::spawn(move || lines.count());
        Ok(board)
    }

    fn url(&self) -> String {
        format!("file://{}", self.page.display())
    }

    fn post(&self, report: &serde_json::Value) -> Result<()> {
        let status =
            ureq::post(format!("http://{}/", self.addr)).send(report.to_string())?.status();
        ensure!(status == 201, "{status}");
        Ok(())
    }

    fn put(&self, index: usize, report: &serde_json::Value) -> Result<()> {
        let url = format!("http://{}/{index}", self.addr);
        let status = ureq::put(url).send(report.to_string())?.status();
        ensure!(status == 200, "{status}");
        Ok(())
    }

    /// Ends it as Ctrl-C does, so that its server ends with it.
    fn end(&mut self) {
        if !matches!(self.process.try_wait(), Ok(None)) {
            return;
        }
        let kill = format!("kill -INT {}", self.process.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.process.wait();
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.end();
    }
}

/// A student's message, in which the first `passed` cases of stage 7 hold and the next one does not.
fn report(at: usize, name: &str, passed: usize) -> serde_json::Value {
    let ids = contract::ids(7);
    let (passed, rest) = ids.split_at(passed.min(ids.len()));
    let (failed, waiting) = rest.split_at(rest.len().min(1));
    json!({
        "class": 1, "key": format!("key{at}"), "name": name, "stage": 7, "beat": 1,
        "passed": passed, "failed": failed, "waiting": waiting,
    })
}

/// Waits until a JavaScript expression is true.
async fn until(browser: &Client, script: &str) -> Result<()> {
    let start = std::time::Instant::now();
    while number(browser, &format!("({script}) ? 1 : 0")).await? == 0.0 {
        let waited = start.elapsed().as_secs();
        let top = text(browser, "body").await?;
        ensure!(waited < 60, "{script} is not true after {waited} s; the page shows {top}");
    }
    Ok(())
}

async fn picture(browser: &Client, name: &str) -> Result<()> {
    Ok(fs::write(folder().join(format!("{name}.png")), browser.screenshot().await?)?)
}

/// A browser whose page has this size.
async fn open(driver: &Driver, board: &Board, width: u32, height: u32) -> Result<Client> {
    let browser = driver.browser("board", width, height).await?;
    let bars = number(&browser, "outerHeight - innerHeight").await? as u32;
    browser.set_window_size(width, height + bars).await?;
    browser.goto(&board.url()).await?;
    Ok(browser)
}

/// What the page shows of three students as it comes, one of whom writes HTML.
async fn follow(driver: &Driver) -> Result<()> {
    let mut board = Board::start("three", &["--away", "2"])?;
    let browser = open(driver, &board, 1366, 768).await?;
    until(&browser, "document.querySelector('#top').textContent === 'No student yet'").await?;
    assert!(text(&browser, "main").await?.contains(&format!("--class {}", board.addr)));

    let stuck = contract::ids(7)[9];
    board.post(&report(0, "mina", 9))?;
    board.post(&report(1, "<img src=x>", 9))?;
    board.post(&json!("this is no report"))?;
    board.post(&report(2, "준호", 200))?;
    until(&browser, &format!("document.querySelector('#top').textContent === '2 of 3: {stuck}'"))
        .await?;
    let names = "[...document.querySelectorAll('.name bdi')].map(name => name.textContent).join()";
    until(&browser, &format!("{names} === 'mina,<img src=x>,준호'")).await?;
    assert_eq!(number(&browser, "document.querySelectorAll('main img').length").await?, 0.0);
    assert!(text(&browser, "#notice").await?.contains("1 message is no report"));
    // Each case has a mark, because there is room.
    let marks = |row: usize, kind: &str| {
        format!("document.querySelectorAll('.row:nth-child({}) .mark.{kind}').length", row + 2)
    };
    let all = contract::ids(7).len() as f64;
    assert_eq!(number(&browser, &marks(0, "passed")).await?, 9.0);
    assert_eq!(number(&browser, &marks(0, "failed")).await?, 1.0);
    assert_eq!(number(&browser, &marks(0, "waiting")).await?, all - 10.0);
    assert_eq!(number(&browser, &marks(2, "passed")).await?, all);
    picture(&browser, "three").await?;

    // A change is shown without a reload, and a student of whom nothing comes gets pale.
    board.put(0, &report(0, "mina", 12))?;
    until(&browser, &format!("{} === 12", marks(0, "passed"))).await?;
    until(&browser, "document.querySelectorAll('.row.away').length === 2").await?;
    assert!(text(&browser, "#legend").await?.contains("pale: away"));

    // Light and dark, Korean, and names that are hidden.
    let paper = "getComputedStyle(document.body).backgroundColor";
    let before = browser.execute(&format!("return {paper}"), vec![]).await?;
    click(&browser, "#light").await?;
    assert_ne!(browser.execute(&format!("return {paper}"), vec![]).await?, before);
    click(&browser, "#language").await?;
    assert!(text(&browser, "#top").await?.starts_with("3명 가운데 "), "Korean");
    click(&browser, "#names").await?;
    assert!(!text(&browser, "main").await?.contains("mina"));
    picture(&browser, "three-korean").await?;
    click(&browser, "#names").await?;
    click(&browser, "#language").await?;

    // Who understands whom: a dot, a cross, and a point for what was not tried.
    for (at, name, understands) in
        [(0, "mina", json!([[1, true], [3, false]])), (1, "<img src=x>", json!([]))]
    {
        let mut report = report(at, name, 12);
        report["serve"] = json!(format!("127.0.0.1:2000{at}"));
        report["understands"] = understands;
        board.put(at, &report)?;
    }
    let mut last = report(2, "준호", 200);
    last["serve"] = json!("127.0.0.1:20003");
    board.put(3, &last)?;
    until(&browser, "!document.querySelector('#pairs').hidden").await?;
    click(&browser, "#pairs").await?;
    let kinds = "[...document.querySelectorAll('.grid td')].map(box => box.firstChild ? \
                 box.firstChild.classList[1] : '-').join()";
    let wanted = "-,passed,failed,untried,-,untried,untried,untried,-";
    until(&browser, &format!("{kinds} === '{wanted}'")).await?;
    picture(&browser, "three-pairs").await?;

    // The page says when the board has ended.
    board.end();
    until(
        &browser,
        "document.querySelector('#notice').textContent.startsWith('The board has ended')",
    )
    .await?;
    assert_eq!(driver.console(&browser).await?, r#"{"value":[]}"#);
    browser.close().await?;
    Ok(())
}

/// Many rows fit on each screen, with letters that can be read from the last row of a class.
async fn many(driver: &Driver, count: usize) -> Result<()> {
    let board = Board::start(&format!("many-{count}"), &[])?;
    for at in 0..count {
        let name = ["지우", "Alexander the", "x", "준호와친구들", "WWWWWWWWWWWWWWWW"][at % 5];
        let number = if at % 5 == 4 { String::new() } else { at.to_string() };
        board.post(&report(at, &format!("{name}{number}"), at * 3))?;
    }
    for (screen, width, height, least) in SCREENS {
        let browser = open(driver, &board, width, height).await?;
        until(&browser, &format!("document.querySelectorAll('.row').length === {count}")).await?;
        for theme in ["one", "other"] {
            picture(&browser, &format!("{screen}-{count}-{theme}")).await?;
            let outside = browser.execute(OUTSIDE, vec![]).await?;
            assert_eq!(outside, json!([]), "{screen} {count}");
            let letters = "parseFloat(getComputedStyle(document.querySelector('.row')).fontSize)";
            let size = number(&browser, letters).await?;
            println!("{screen}: {count} rows, letters of {size} pixels");
            assert!(count > 30 || size >= least, "{screen}: {count} rows, {size} pixels");
            click(&browser, "#light").await?;
        }
        browser.close().await?;
    }
    Ok(())
}

#[needs("chromedriver", "chromium")]
#[test]
fn a_class_looks_at_the_board() -> Result<()> {
    let driver = Driver::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(&driver))?;
    for count in [30, 60] {
        runtime.block_on(many(&driver, count))?;
    }
    Ok(())
}
