//! `cargo lesson start`: a student's own copy of a stage. Its test passes when the copy does what the next stage does.

use crate::half;
use crate::hint::command_for_copy;
use crate::words::{idea, pad};
use anyhow::{Context, Result, bail, ensure};
use ladder::{Ladder, Stage, number};
use replay::Lang;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs};
use toml_edit::{DocumentMut, Item, Table, value};

/// The one test of a copy, with names to be filled in.
const TEST: &str = include_str!("next_stage.rs");

/// The crates that the test uses.
const TEST_CRATES: [&str; 2] = ["anyhow", "contract"];

/// Copies a stage, without its window and its tests, into the folder `mine/NAME` under the name `name`. The glob of
/// the workspace makes it a member. With `is_half` it copies the stage after it, without the bodies of the functions
/// that are the lesson.
///
/// # Errors
/// A name that cannot be the name of a package here, or that is taken; a stage without a half-finished copy. Nothing is
/// left of the copy then.
pub fn run(ladder: &Ladder, stage: &str, name: &str, is_half: bool, lang: Lang) -> Result<()> {
    let stage = ladder.stage(stage)?;
    // A copy of the last stage is checked against that stage. A copy of a copy keeps its test, so it needs no stage.
    let next = if stage.is_copy() { None } else { Some(ladder.after(stage).unwrap_or(stage)) };
    let functions = if is_half { half_finished(ladder, stage)? } else { Vec::new() };
    check_name(ladder, name)?;
    let folder = ladder.root.join("mine").join(name);
    ensure!(!folder.exists(), "mine/{name} is there already; choose another name");
    let from = next.filter(|_| is_half).unwrap_or(stage);
    let copied = copy(from, next, &folder, name)
        .and_then(|()| half::take_out(&functions, &folder))
        .and_then(|()| check_workspace(ladder));
    if let Err(error) = copied {
        // The folder was not there before, and with an incomplete copy each command of cargo would fail.
        let _ = fs::remove_dir_all(&folder);
        return Err(error);
    }
    let mut output = anstream::stdout();
    let title = match (lang, is_half) {
        (Lang::En, false) => format!("mine/{name} is a copy of {} and yours", from.name),
        (Lang::En, true) => {
            format!("mine/{name} is a half-finished copy of {} and yours", from.name)
        }
        (Lang::Ko, false) => {
            format!("mine/{name}: {}의 사본입니다. 자유롭게 고치세요", from.name)
        }
        (Lang::Ko, true) => {
            format!("mine/{name}: 반쯤 완성된 {}의 사본입니다. 자유롭게 고치세요", from.name)
        }
    };
    writeln!(output, "{title}")?;
    let mut line = |english, korean, text: &str| {
        writeln!(output, "  {}  {text}", pad(lang.choose(english, Some(korean)), 15))
    };
    for function in &functions {
        let text = match lang {
            Lang::En => format!("{} in {}", function.name, function.file),
            Lang::Ko => format!("{}의 {}", function.file, function.name),
        };
        line("write", "작성할 함수", &text)?;
    }
    line("replay it", "재생", &format!("cargo run -p {name}"))?;
    if let Some(next) = next {
        if next != stage {
            let text = format!("{}: {}", next.name, idea(ladder, next, lang));
            match is_half {
                true => line("what is new", "새로운 것", &text)?,
                false => line("what comes next", "다음 단계", &text)?,
            }
        }
        let number = next.number.unwrap_or_default();
        let note = match next == stage {
            true => Some(("is the last stage", "마지막 단계라서")),
            false if is_half => None,
            false => answers_the_same(stage, next)?
                .then_some(("leaves the server as it is", "서버가 바뀌지 않는 단계라서")),
        };
        if let Some((english, korean)) = note {
            let text = match lang {
                Lang::En => {
                    format!("{} {english}: check and test pass from the beginning", next.name)
                }
                Lang::Ko => format!("{}: {korean} 처음부터 검사와 테스트를 통과합니다", next.name),
            };
            line("note", "참고", &text)?;
        }
        line("check it", "검사", &format!("cargo lesson check {number} {name}"))?;
        line("at each save", "저장할 때마다", &format!("cargo lesson watch {number} {name}"))?;
        line("is it done?", "끝났는지 확인", &format!("cargo test -p {name}"))?;
        if let Some(from) = stage.number.filter(|_| next != stage) {
            match command_for_copy(ladder, from, number) {
                Some(hint) => line("the first hint", "첫 힌트", &hint)?,
                None => {
                    let diff = format!("cargo lesson diff {name} {}", next.name);
                    line("the solution", "정답 코드", &diff)?;
                }
            }
        }
    }
    Ok(())
}

/// The functions that are left out of a half-finished copy of the stage after `stage`.
fn half_finished(ladder: &Ladder, stage: &Stage) -> Result<Vec<half::Function>> {
    ensure!(!stage.is_copy(), "{} is your own; --half needs a stage of the ladder", stage.name);
    let next = ladder.after(stage).with_context(|| {
        format!("{} is the last stage; leave out --half, or begin with an earlier one", stage.name)
    })?;
    half::functions(ladder, next)
}

/// Whether the server of the next stage is the same, because only its client has changed.
fn answers_the_same(stage: &Stage, next: &Stage) -> Result<bool> {
    for path in ["src/server.rs", "src/http.rs", "src/messages.rs"] {
        if stage.read(path)? != next.read(path)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns an error if a copy cannot have this name.
fn check_name(ladder: &Ladder, name: &str) -> Result<()> {
    cargo_accepts(name)?;
    if let Some((_, rest)) = name.split_once('_').filter(|_| number(name).is_some()) {
        bail!("{name} looks like a stage of the ladder; choose a name such as my_{rest}");
    }
    if ladder.stages().any(|stage| stage.name.starts_with(name)) {
        bail!("{name} is short for a stage of the ladder; choose a name such as my_{name}");
    }
    let lock = fs::read_to_string(ladder.root.join("Cargo.lock"));
    let lock: DocumentMut = lock.context("cannot read Cargo.lock")?.parse()?;
    let packages = lock.get("package").and_then(|packages| packages.as_array_of_tables());
    // `-p` would mean either of two packages, and to rustc my-put and my_put are one crate.
    let taken = packages.into_iter().flatten().any(|package| {
        package.get("name").and_then(|other| other.as_str()).is_some_and(|other| {
            other.replace('-', "_").eq_ignore_ascii_case(&name.replace('-', "_"))
        })
    });
    ensure!(!taken, "there is a package {name} here already; choose another name");
    Ok(())
}

/// Asks cargo whether a package can have this name: it makes one, in a folder that is then removed. A name
/// of which cargo warns is refused as well, such as a name that no file can have on Windows.
fn cargo_accepts(name: &str) -> Result<()> {
    let folder = env::temp_dir().join(format!("cargo-lesson-name-{}", std::process::id()));
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = cargo();
    command.args(["init", "--vcs", "none", "--color", "never", &format!("--name={name}")]);
    let output = command.current_dir(&folder).output().context("cannot run cargo");
    let _ = fs::remove_dir_all(&folder);
    let said = String::from_utf8_lossy(&output?.stderr).into_owned();
    match complaint(&said) {
        Some(complaint) => bail!("{complaint}; choose another name"),
        None => Ok(()),
    }
}

/// Asks cargo whether it can still read the workspace.
fn check_workspace(ladder: &Ladder) -> Result<()> {
    let mut command = cargo();
    command.args(["metadata", "--no-deps", "--format-version", "1", "--color", "never"]);
    let output = command.current_dir(&ladder.root).output().context("cannot run cargo")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("the copy cannot be here: {}", complaint(&said).unwrap_or("cargo does not say why"));
    }
    Ok(())
}

/// The first sentence with which cargo refuses something or warns of it.
fn complaint(said: &str) -> Option<&str> {
    said.lines()
        .find_map(|line| line.strip_prefix("error: ").or_else(|| line.strip_prefix("warning: ")))
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Writes the copy. `next` is the stage whose contract its test asks for; a copy of a copy keeps its test.
fn copy(stage: &Stage, next: Option<&Stage>, folder: &Path, name: &str) -> Result<()> {
    for path in stage.files()? {
        if !stage.is_copy() && path.starts_with("tests/") {
            continue;
        }
        let from = stage.folder.join(&path);
        let text = stage.read(&path)?.unwrap_or_default();
        let Some(text) = Stage::without_window(&path, &text) else { continue };
        let (path, text) = if stage.is_copy() {
            // The name of a copy can be an ordinary word, so it is replaced in the test alone.
            let test = path == "tests/next_stage.rs";
            (path.clone(), if test { rename_test(&text, &stage.name, name) } else { text })
        } else {
            let folders = (format!("steps/{}", stage.name), format!("mine/{name}"));
            let text = text.replace(&folders.0, &folders.1).replace(&stage.name, name);
            (path.replace(&stage.name, name), text)
        };
        let text = if path == "Cargo.toml" { manifest(stage, next, &text, name)? } else { text };
        write(&folder.join(&path), &text)?;
        // A script can still be run by its name.
        let permissions = fs::metadata(&from)?.permissions();
        fs::set_permissions(folder.join(&path), permissions)?;
    }
    if let (Some(next), Some(number)) = (next, next.and_then(|next| next.number)) {
        let test = TEST
            .replace("STAGE_NAME", &next.name)
            .replace("STAGE_IDEA", &next.idea)
            .replace("STAGE_NUMBER", &number.to_string())
            .replace("COPY_NAME", name);
        write(&folder.join("tests/next_stage.rs"), &test)?;
    }
    Ok(())
}

/// Changes the test of the copy `old` into that of the copy `new`.
fn rename_test(text: &str, old: &str, new: &str) -> String {
    let program = |name: &str| format!("env!(\"CARGO_BIN_EXE_{name}\")");
    let command = |name: &str| format!("`cargo test -p {name}`");
    text.replace(&program(old), &program(new)).replace(&command(old), &command(new))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The manifest of the copy: that of the stage under another name. It also has the dependencies of the next stage, so
/// that files of that stage compile in the copy. Of the dev-dependencies, those of its test and its examples are left.
fn manifest(stage: &Stage, next: Option<&Stage>, text: &str, name: &str) -> Result<String> {
    let mut manifest: DocumentMut = text.parse()?;
    manifest["package"]["name"] = value(name);
    // The copy has none of the ladder's tests, so it has no entries for them.
    manifest.remove("bin");
    manifest.remove("test");
    let Some(next) = next else { return Ok(manifest.to_string()) };
    let mut lesson = Table::new();
    lesson.insert("next", value(i64::from(next.number.unwrap_or_default())));
    let mut metadata = Table::new();
    metadata.set_implicit(true);
    metadata.insert("lesson", Item::Table(lesson));
    manifest["package"]["metadata"] = Item::Table(metadata);
    let more = next.read("Cargo.toml")?.context("a stage without Cargo.toml")?;
    let more = Stage::without_window("Cargo.toml", &more).unwrap_or_default();
    let more: DocumentMut = more.parse()?;
    add_dependencies(manifest.as_table_mut(), more.as_table())?;
    // Those of one kind of system alone, such as Unix.
    if let Some(targets) = more.get("target").and_then(Item::as_table) {
        for (target, dependencies) in targets {
            let Some(dependencies) = dependencies.as_table() else { continue };
            let known = table_in(table_in(manifest.as_table_mut(), "target")?, target)?;
            add_dependencies(known, dependencies)?;
        }
    }
    let examples: Vec<String> = stage
        .files()?
        .iter()
        .filter(|path| path.starts_with("examples/"))
        .map(|path| Ok(stage.read(path)?.unwrap_or_default()))
        .collect::<Result<_>>()?;
    let mut crates = Table::new();
    if let Some(known) = manifest.get("dev-dependencies").and_then(Item::as_table) {
        for (name, item) in known {
            let used = format!("{}::", name.replace('-', "_"));
            if examples.iter().any(|text| text.contains(&used)) {
                crates.insert(name, item.clone());
            }
        }
    }
    for name in TEST_CRATES {
        let mut workspace = Table::new();
        workspace.set_dotted(true);
        workspace.insert("workspace", value(true));
        crates.insert(name, Item::Table(workspace));
    }
    crates.sort_values();
    manifest.insert("dev-dependencies", Item::Table(crates));
    Ok(manifest.to_string())
}

/// How many features of a crate a dependency asks for.
fn features(dependency: &Item) -> usize {
    let features = dependency.get("features").and_then(Item::as_array);
    features.map_or(0, |features| features.len())
}

/// Adds the dependencies that are missing, or that ask for too few features.
fn add_dependencies(to: &mut Table, from: &Table) -> Result<()> {
    let Some(from) = from.get("dependencies").and_then(Item::as_table) else { return Ok(()) };
    let known = table_in(to, "dependencies")?;
    for (name, item) in from {
        let has = known.get(name);
        // The next stage may need more of the same crate.
        if has.is_none_or(|has| features(item) > features(has)) {
            known.insert(name, item.clone());
        }
    }
    known.sort_values();
    Ok(())
}

/// The table of this name in another table, a new one if there is none.
fn table_in<'a>(parent: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    let mut table = Table::new();
    table.set_implicit(true);
    let item = parent.entry(name).or_insert(Item::Table(table));
    item.as_table_mut().with_context(|| format!("{name} is no table of the manifest"))
}
