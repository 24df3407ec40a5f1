//! The page in a real browser, driven as a person drives it: `chromedriver` and a Chromium have to be there.

#![cfg(target_os = "linux")]

mod driver;

use anyhow::{Context, Result, ensure};
use driver::{Driver, click, number, text};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use ladder::Ladder;
use needs::needs;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    ensure!((100_000..1_500_000).contains(&size), "the page has {size} bytes");
    Ok(path)
}

/// Presses a key, wherever the keyboard is at work.
async fn press(browser: &Client, key: impl Into<char>) -> Result<()> {
    let value = key.into();
    let keys = KeyActions::new("keyboard".to_string());
    let keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
    browser.perform_actions(keys).await.context("cannot press a key")?;
    Ok(())
}

/// The part of the address that says what is shown.
async fn fragment(browser: &Client) -> Result<String> {
    Ok(browser.current_url().await?.fragment().unwrap_or_default().to_string())
}

/// Nothing is wider than the screen, and letters can be read.
async fn fits(browser: &Client, name: &str) -> Result<()> {
    let wide = number(browser, "document.documentElement.scrollWidth").await?;
    let screen = number(browser, "document.documentElement.clientWidth").await?;
    assert!(wide <= screen, "{name}: {wide} of {screen} pixels");
    let letters = "parseFloat(getComputedStyle(document.querySelector('#main > *')).fontSize)";
    let size = number(browser, letters).await?;
    assert!(size >= if name == "projector" { 18.0 } else { 13.0 }, "{name}: {size} pixels");
    Ok(())
}

/// Keeps a picture of what the browser shows.
async fn picture(browser: &Client, name: &str, view: &str) -> Result<()> {
    let path = folder().join(format!("{name}-{view}.png"));
    Ok(fs::write(path, browser.screenshot().await?)?)
}

/// The page is at its first view, and its data is unpacked.
async fn open(browser: &Client, page: &str, fragment: &str) -> Result<()> {
    browser.goto(&format!("{page}#{fragment}")).await?;
    browser.wait().for_element(Locator::Css("#main > *")).await?;
    Ok(())
}

/// The ladder, the three acts of a stage with the keys of a presenter, the quiz, and the way back.
async fn present(browser: &Client, page: &str, name: &str) -> Result<()> {
    open(browser, page, "").await?;
    let ladder = Ladder::open(&root())?;
    let stages: Vec<&str> = ladder.stages().map(|stage| stage.name.as_str()).collect();
    let shown = number(browser, "document.querySelectorAll('.stage').length").await?;
    assert_eq!(shown, stages.len() as f64, "the ladder shows every stage");
    fits(browser, name).await?;
    picture(browser, name, "ladder").await?;

    // Space begins with the first stage; a number chooses one, with two digits where it has two.
    press(browser, ' ').await?;
    assert_eq!(fragment(browser).await?, format!("{}/happens", stages[0]));
    press(browser, '7').await?;
    assert_eq!(fragment(browser).await?, "s07_put/happens");
    press(browser, '1').await?;
    press(browser, '0').await?;
    assert_eq!(fragment(browser).await?, "s10_hardened/happens");
    press(browser, '7').await?;

    // Act 1: a line is typed, a message travels, and what is new in it is large.
    assert!(text(browser, ".now .typed").await?.starts_with("> POST / first"));
    press(browser, ' ').await?;
    assert_eq!(fragment(browser).await?, "s07_put/happens/1");
    assert_eq!(text(browser, ".now .start").await?, "POST / HTTP/1.1");
    press(browser, Key::PageDown).await?;
    assert_eq!(text(browser, ".now .start").await?, "HTTP/1.1 201 Created");
    assert!(text(browser, ".now .fields").await?.contains("Location: /0"));
    assert_eq!(text(browser, ".list li").await?, "first");
    press(browser, Key::PageUp).await?;
    assert_eq!(fragment(browser).await?, "s07_put/happens/1");
    assert!(text(browser, ".list").await?.contains("empty"), "the message is not stored yet");
    press(browser, Key::End).await?;
    fits(browser, name).await?;
    picture(browser, name, "happens").await?;

    // Act 2: a piece as it was, and as it is; the class sees the sentence of the notes.
    open(browser, page, "s07_put/code/1").await?;
    let gone = "document.querySelectorAll('.piece > .line.gone').length";
    let come = "document.querySelectorAll('.piece > .line.come').length";
    let mut both = false;
    for _ in 0..30 {
        let (old, new) = (number(browser, gone).await?, number(browser, come).await?);
        if old > 0.0 {
            assert_eq!(new, 0.0, "the new lines come with the next step");
            press(browser, ' ').await?;
            assert!(number(browser, come).await? > 0.0 || number(browser, gone).await? == 0.0);
            both = true;
            break;
        }
        press(browser, ' ').await?;
    }
    assert!(both, "no piece has old lines");
    assert!(text(browser, ".sentence").await?.len() > 20);
    // What has gone leaves within 600 ms.
    let ghosts = "document.querySelectorAll('.ghost').length";
    while number(browser, ghosts).await? > 0.0 {}
    fits(browser, name).await?;
    picture(browser, name, "code").await?;

    // Act 3: the answer comes after the vote.
    open(browser, page, "s07_put/wire").await?;
    assert_eq!(text(browser, ".sent .short").await?, "POST /");
    assert_eq!(text(browser, ".answer.old .short").await?, "200, text/plain");
    assert_eq!(text(browser, ".answer.new").await?, "s07_put\n?");
    let choices = "document.querySelectorAll('.choices li').length";
    assert_eq!(number(browser, choices).await?, 3.0);
    click(browser, ".answer .hidden").await?;
    assert_eq!(fragment(browser).await?, "s07_put/wire/1");
    assert_eq!(text(browser, ".answer.new .short").await?, "201, text/plain, Location: /0");
    assert_eq!(
        text(browser, ".choices .right").await?.split_once(' ').map(|two| two.1),
        Some("201, text/plain, Location: /0")
    );
    fits(browser, name).await?;
    picture(browser, name, "votes").await?;
    // A stage whose server stays as it is says so.
    open(browser, page, "s04_window/wire").await?;
    assert!(text(browser, ".votes").await?.starts_with("Nothing changes on the wire"));

    // A reset has its cross, and the server that ends because of it is struck out.
    open(browser, page, "s10_hardened/happens").await?;
    let reset = "document.querySelectorAll('.arrow.rst').length";
    let ended = "document.querySelectorAll('.head.ended').length";
    let mut ends = 0.0;
    for _ in 0..40 {
        press(browser, ' ').await?;
        ends += number(browser, ended).await?;
        if ends > 0.0 {
            break;
        }
    }
    assert!(ends > 0.0, "the server of stage 9 goes on after a reset");
    assert!(number(browser, reset).await? > 0.0);
    picture(browser, name, "reset").await?;

    // Segments between the calls of both sides, and the quiz, which hides the next one.
    open(browser, page, "s03_http/segments").await?;
    press(browser, Key::End).await?;
    let calls = "document.querySelectorAll('.call.client').length && document.querySelectorAll('.call.server').length";
    assert!(number(browser, calls).await? > 2.0, "the calls of both sides");
    assert!(text(browser, ".capture").await?.contains("connect("));
    fits(browser, name).await?;
    picture(browser, name, "segments").await?;
    open(browser, page, "s03_http/quiz").await?;
    let asked = "document.querySelectorAll('.asked').length";
    assert_eq!(number(browser, asked).await?, 1.0);
    assert!(!text(browser, ".capture .flow").await?.contains("SYN"), "the answer is hidden");
    press(browser, ' ').await?;
    assert_eq!(number(browser, asked).await?, 0.0);
    assert!(text(browser, ".segment.now").await?.starts_with("SYN"));
    // The diagrams of the notes are drawn.
    open(browser, page, "section/between").await?;
    assert!(number(browser, "document.querySelectorAll('.notes svg').length").await? > 5.0);
    fits(browser, name).await?;
    picture(browser, name, "packets").await?;

    // From the last position of an act to the next act, and back.
    open(browser, page, "s04_window/happens").await?;
    press(browser, Key::End).await?;
    let last = fragment(browser).await?;
    press(browser, ' ').await?;
    assert_eq!(fragment(browser).await?, "s04_window/code");
    press(browser, Key::PageUp).await?;
    assert_eq!(fragment(browser).await?, last);
    open(browser, page, "s04_window/wire").await?;
    press(browser, ' ').await?;
    assert_eq!(fragment(browser).await?, "s05_get/happens");

    // The other language, and the whole ladder again.
    press(browser, 'l').await?;
    assert_eq!(fragment(browser).await?, "ko/s05_get/happens");
    assert!(text(browser, "h1").await?.contains("서버가 기억합니다"));
    press(browser, Key::Escape).await?;
    assert_eq!(fragment(browser).await?, "ko/");
    fits(browser, name).await?;
    picture(browser, name, "korean").await
}

/// The search, an address that names nothing, the keys, and a handout.
async fn look_around(browser: &Client, page: &str, name: &str) -> Result<()> {
    open(browser, page, "").await?;
    press(browser, '/').await?;
    let input = browser.wait().for_element(Locator::Css("#search-text")).await?;
    input.send_keys("with_prefix").await?;
    assert!(text(browser, ".place").await?.contains("s07_put"), "code is found where it is new");
    let places = text(browser, ".results").await?;
    assert!(places.contains("in the notes of 7. PUT"), "{places}");
    fits(browser, name).await?;
    click(browser, ".place").await?;
    assert!(fragment(browser).await?.starts_with("s06_form..s07_put/src/"));

    for strange in [
        "%",
        "nothing",
        "s07_put/code/9999",
        "s07_put/nothing",
        "s06_form..s07_put/constructor",
        "s01_echo..s99/wire",
        "section/none",
        "s07_put/code/-1",
        "s07_put/code/1/2",
    ] {
        open(browser, page, strange).await?;
        assert!(text(browser, ".nothing").await?.contains("No view has the address"), "{strange}");
    }
    press(browser, '?').await?;
    assert!(text(browser, "#key-list").await?.contains("PageDown"));
    press(browser, '?').await?;
    let open_dialogs = "document.querySelectorAll('dialog[open]').length";
    assert_eq!(number(browser, open_dialogs).await?, 0.0);

    // What is printed is the handout, with nothing folded.
    open(browser, page, "s07_put/code/2").await?;
    browser.execute("dispatchEvent(new Event('beforeprint'))", vec![]).await?;
    assert!(text(browser, ".handout h1").await?.starts_with("7. PUT"));
    let folds = "document.querySelectorAll('.handout details:not([open])').length";
    assert_eq!(number(browser, folds).await?, 0.0);
    let names = text(browser, ".handout .names").await?;
    assert!(names.ends_with("s07_put"), "{names}");
    browser.execute("dispatchEvent(new Event('afterprint'))", vec![]).await?;
    assert_eq!(fragment(browser).await?, "s07_put/code/2");
    assert!(text(browser, ".where").await?.contains("server.rs"));
    Ok(())
}

/// Any two stages side by side, as a reader compares them.
async fn review(browser: &Client, page: &str, name: &str) -> Result<()> {
    open(browser, page, "s06_form..s07_put/src/server.rs").await?;
    let choose = async |id: &str, stage: &str| -> Result<()> {
        browser.find(Locator::Id(id)).await?.select_by_label(stage).await?;
        Ok(())
    };
    choose("from", "s05_get").await?;
    assert_eq!(fragment(browser).await?, "s05_get..s07_put/src/server.rs");
    assert!(text(browser, "h1").await?.ends_with("7. PUT: change a message by its index"));
    assert!(text(browser, "#tabs button").await?.starts_with("server.rs +"), "the lesson first");
    let mark = text(browser, ".come mark").await?;
    assert!(!mark.trim().is_empty(), "a word that changed is marked");
    let old = browser.find(Locator::Css(".code > .chunk:not(.different) .old")).await?;
    assert_eq!(old.is_displayed().await?, name != "telephone", "one column or two");
    assert!(browser.find(Locator::Css(".different .old p")).await?.is_displayed().await?);
    fits(browser, name).await?;
    picture(browser, name, "review").await?;

    // Unfolds what stays the same. The bar and the names of the files stay while the page scrolls.
    let folds = "document.querySelectorAll('details.fold[open]').length";
    assert_eq!(number(browser, folds).await?, 0.0);
    click(browser, "details.fold summary").await?;
    assert_eq!(number(browser, folds).await?, 1.0);
    browser.execute("scrollTo(0, 900)", vec![]).await?;
    let top = "document.querySelector('#tabs').getBoundingClientRect().top";
    let top = number(browser, top).await?;
    assert!((0.0..80.0).contains(&top), "{name}: the tabs are at {top}");

    // Both go one stage on; a link and a reload open the same view.
    press(browser, Key::Right).await?;
    assert_eq!(fragment(browser).await?, "s06_form..s08_sqlite/src/server.rs");
    browser.refresh().await?;
    browser.wait().for_element(Locator::Css("#tabs")).await?;
    assert!(text(browser, "[data-view][aria-current]").await?.starts_with("server.rs"));
    press(browser, Key::Left).await?;
    assert_eq!(fragment(browser).await?, "s05_get..s07_put/src/server.rs");

    // On the wire: only what differs, from the start, and in full.
    open(browser, page, "s06_form..s07_put/wire").await?;
    let row = "//tr[@class='different'][td[1]//summary[.='PUT /0']]";
    let row = browser.find(Locator::XPath(row)).await.context("PUT /0 does not differ")?;
    let cells = row.find_all(Locator::Css("td")).await?;
    assert_eq!(cells[1].text().await?, "404");
    assert_eq!(cells[2].text().await?, "200, text/plain");
    let rows = "document.querySelectorAll('.wire tr').length";
    let differ = number(browser, "document.querySelectorAll('tr.different').length").await?;
    assert_eq!(number(browser, rows).await?, differ + 1.0, "the rows that differ, and their head");
    click(browser, "#only-different").await?;
    assert!(number(browser, rows).await? > 50.0);
    click(browser, "tr.different summary").await?;
    // The browser opens the other cell of the row a moment later.
    let other = Locator::Css("tr.different td:last-child details[open]");
    browser.wait().for_element(other).await.context("the other cell stays closed")?;
    fits(browser, name).await?;
    picture(browser, name, "wire").await?;

    click(browser, "[data-view=replay]").await?;
    assert!(text(browser, ".replay").await?.contains("> PUT /0 고친 말"));
    fits(browser, name).await?;
    click(browser, "[data-view=notes]").await?;
    assert!(text(browser, ".notes").await?.contains("What is new."));
    let loaded = "document.querySelector('.notes img').naturalWidth";
    assert!(number(browser, loaded).await? > 100.0, "the picture is in the page");
    fits(browser, name).await?;
    picture(browser, name, "notes").await?;

    // The keyboard alone: what was chosen keeps the focus.
    open(browser, page, "s06_form..s07_put/wire").await?;
    click(browser, "[data-view='src/client.rs']").await?;
    press(browser, Key::Right).await?;
    let focused = "document.activeElement.dataset.view === 'src/client.rs' ? 1 : 0";
    assert_eq!(number(browser, focused).await?, 1.0);

    // Dark and light; what goes and what comes differ by 3:1 in both, and the text on each can be read.
    for _ in 0..2 {
        let (between, least) = contrasts(browser).await?;
        assert!(
            between >= 3.0 && least >= 4.5,
            "{name}: {between} between the marks, {least} on one"
        );
        click(browser, "#light").await?;
    }
    Ok(())
}

/// The contrast between the marks of old and new lines, and the least contrast of a mark's text, as WCAG counts it.
async fn contrasts(browser: &Client) -> Result<(f64, f64)> {
    let script = "
        const box = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const light = name => {
            box.fillStyle = getComputedStyle(Object.assign(document.body.appendChild(document.createElement('i')), {style: `color:var(${name})`})).color;
            box.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...box.getImageData(0, 0, 1, 1).data].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
        };
        const contrast = (one, other) => { const [a, b] = [light(one), light(other)]; return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); };
        return [contrast('--old-mark', '--new-mark'), Math.min(contrast('--old-mark', '--old-mark-ink'), contrast('--new-mark', '--new-mark-ink'))]";
    let value = browser.execute(script, vec![]).await?;
    let number = |at: usize| value[at].as_f64().with_context(|| value.to_string());
    println!("contrast between the marks {:.2}, of their text {:.2}", number(0)?, number(1)?);
    Ok((number(0)?, number(1)?))
}

/// Every piece of code of every stage stands whole on the screen, with its sentence, in both languages. Returns how
/// large its letters are, in pixels.
async fn every_piece_fits(browser: &Client, page: &str, name: &str) -> Result<f64> {
    open(browser, page, "s01_echo/code").await?;
    let script = "
        const wrong = []; let pieces = 0, size = Infinity;
        for (const lang of ['en', 'ko']) for (const [stage, one] of stages.entries()) {
            for (let at = 0; at < ACTS.code.count(one); at++) {
                arrive({ lang, view: 'act', stage, act: 'code', at });
                const piece = document.querySelector('.piece'), root = document.documentElement;
                const bottom = Math.max(...[...piece.querySelectorAll('.line')].map(line => line.getBoundingClientRect().bottom));
                const band = document.querySelector('.band').getBoundingClientRect();
                size = Math.min(size, parseFloat(getComputedStyle(piece).fontSize));
                pieces++;
                if (bottom > innerHeight || band.top < 0 || root.scrollHeight > innerHeight || root.scrollWidth > innerWidth)
                    wrong.push(`${location.hash} ${lang} ${one.name} ${at}: ${bottom}`);
            }
        }
        return { wrong, pieces, size };";
    let found = browser.execute(script, vec![]).await?;
    println!("{name}: {} views of pieces, letters of {} pixels", found["pieces"], found["size"]);
    assert!(found["pieces"].as_u64().is_some_and(|pieces| pieces > 1000), "{found}");
    assert_eq!(found["wrong"], json!([]), "{name}");
    found["size"].as_f64().context("no size")
}

/// The teacher's window follows the class's, and moves it.
async fn teach(browser: &Client, page: &str) -> Result<()> {
    open(browser, page, "s07_put/happens").await?;
    let class = browser.window().await?;
    press(browser, 'n').await?;
    let mut windows = browser.windows().await?;
    windows.retain(|window| *window != class);
    let teacher = windows.pop().context("no second window")?;
    browser.switch_to_window(teacher.clone()).await?;
    browser.wait().for_element(Locator::Css(".teacher .parts")).await?;
    let plan = text(browser, ".teacher").await?;
    assert!(
        plan.contains("Which status should the server answer") && plan.contains("of 90 minutes")
    );
    let now = Locator::XPath("//p[@class='shown'][contains(., 's07_put, What happens, 1/')]");
    browser.wait().for_element(now).await.context("the teacher does not see the position")?;
    click(browser, "#forward").await?;
    let now = Locator::XPath("//p[@class='shown'][contains(., 's07_put, What happens, 2/')]");
    browser.wait().for_element(now).await.context("the class did not move")?;
    click(browser, "#clock").await?;
    browser.wait().for_element(Locator::Css(".parts tr.current")).await?;
    picture(browser, "laptop", "teacher").await?;
    browser.close_window().await?;
    browser.switch_to_window(class).await?;
    assert_eq!(fragment(browser).await?, "s07_put/happens/1");
    Ok(())
}

/// All that a person does with the page on one screen.
async fn walk(driver: &Driver, page: &Path, name: &str, width: u32, height: u32) -> Result<()> {
    let browser = driver.browser(name, width, height).await?;
    let page = format!("file://{}", page.display());
    if name != "telephone" {
        // The screen is what the page has, without the browser's own bars.
        let bars = number(&browser, "outerHeight - innerHeight").await? as u32;
        browser.set_window_size(width, height + bars).await?;
    }
    present(&browser, &page, name).await.context("present")?;
    look_around(&browser, &page, name).await.context("look around")?;
    review(&browser, &page, name).await.context("review")?;
    if name != "telephone" {
        let size = every_piece_fits(&browser, &page, name).await?;
        assert!(size >= if name == "projector" { 28.0 } else { 20.0 }, "{name}: {size} pixels");
        teach(&browser, &page).await.context("teach")?;
    }
    let fetched = "performance.getEntriesByType('resource').filter(e => !/^(data|blob):/.test(e.name)).length";
    assert_eq!(number(&browser, fetched).await?, 0.0, "all is in the file");
    let console = driver.console(&browser).await?;
    assert_eq!(console, r#"{"value":[]}"#, "{name}");
    browser.close().await?;
    Ok(())
}

#[needs("chromedriver", "chromium", "postgres")]
#[test]
fn a_class_and_a_reader_use_the_page() -> Result<()> {
    let page = make_page()?;
    let driver = Driver::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (name, width, height) in SCREENS {
        runtime.block_on(walk(&driver, &page, name, width, height)).context(name)?;
    }
    Ok(())
}
