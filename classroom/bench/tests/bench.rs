//! The measurements as a user starts them. No figure of speed is compared with a number, only with another figure of the
//! same run, where the relation holds on every machine.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use snapbox::cmd::{Command, OutputAssert};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More than any run takes here, with the build of the stages, on a machine with much to do.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs the program with these arguments. Its temporary folders are in `folder`.
fn bench(arguments: &[&str], folder: &Path) -> OutputAssert {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(arguments)
        .args(["--lang", "en"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("TMPDIR", folder)
        .timeout(LIMIT)
        .assert()
}

/// An empty folder for one test.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn is_empty(folder: &Path) -> Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}

#[test]
fn a_quick_run_of_some_stages() -> Result<()> {
    let (folder, svg) = (folder("quick")?, folder("picture")?.join("bench.svg"));
    let svg_path = svg.to_str().context("a path")?;
    let only = ["--only", "13", "--only", "3", "--only", "s08_sqlite"];
    let arguments = [&["--quick", "--profile", "dev", "--json", "--svg", svg_path], &only[..]];
    let output = bench(&arguments.concat(), &folder).success();
    let report: Value = serde_json::from_slice(&output.get_output().stdout)?;
    assert!(is_empty(&folder)?, "a folder is left");

    assert_eq!((&report["profile"], &report["quick"]), (&"dev".into(), &true.into()));
    assert!(number(&report["disk"]["syncs_per_second"])? > 0.0);
    let rows = report["rows"].as_array().context("no rows")?;
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["s03_http", "s08_sqlite", "s13_crowd", "Python"]);
    let [echo, sqlite, crowd, python] = &rows[..] else { anyhow::bail!("{} rows", rows.len()) };

    // A stage only adds.
    for key in ["lines", "crates"] {
        let figures = [echo, sqlite, crowd].map(|row| row[key].as_u64().unwrap_or_default());
        assert!(0 < figures[0] && figures.is_sorted(), "{key}: {figures:?}");
    }
    for row in [echo, sqlite, crowd] {
        assert_eq!(row["cold_build_seconds"], Value::Null);
        assert_eq!(row["memory_mib"].is_null(), !cfg!(target_os = "linux"));
        check_requests(row)?;
    }
    assert_eq!(echo["requests"]["method"], "POST");
    assert_eq!((&echo["store"], &echo["kill"]), (&Value::Null, &Value::Null));
    assert_eq!(echo["writes"], Value::Array(Vec::new()));
    let kept = [echo, sqlite, crowd].map(|row| row["requests"]["kept_alive"] == true);
    assert_eq!(kept, [false, false, true]);

    let mut stored = vec![sqlite, crowd];
    // Where Python is not installed, the row says so.
    if python["note"].is_null() {
        stored.push(python);
        check_requests(python)?;
    }
    for row in stored {
        assert_eq!(row["store"], "sqlite");
        assert_eq!(row["kill"]["lost"], 0, "{row}");
        assert!(number(&row["kill"]["answered"])? > 0.0, "{row}");
        let clients = row["writes"].as_array().into_iter().flatten().map(|one| &one["clients"]);
        assert_eq!(clients.cloned().collect::<Vec<_>>(), [1, 4, 16, 64]);
        for writes in row["writes"].as_array().into_iter().flatten() {
            assert!(number(&writes["per_second"])? > 0.0, "{row}");
            assert_eq!(writes["failed"], 0, "{row}");
        }
    }
    // Without strace the syncs are not counted.
    if !crowd["writes"][3]["per_sync"].is_null() {
        let per_sync = |row: &Value, place: usize| number(&row["writes"][place]["per_sync"]);
        for place in 0..4 {
            let ratio = per_sync(sqlite, place)?;
            assert!((0.5..1.1).contains(&ratio), "stage 8 has {ratio} writes for each sync");
        }
        assert!(per_sync(crowd, 0)? < 1.1, "{crowd}");
        assert!(per_sync(crowd, 3)? > 2.0, "{crowd}");
    }

    let picture = fs::read_to_string(&svg)?;
    ensure!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"), "{picture}");
    for label in ["s08_sqlite", "s13_crowd", "syncs of the disk"] {
        assert!(picture.contains(label), "{label} is not in the picture");
    }
    assert!(!picture.contains("s03_http"));
    Ok(())
}

/// PostgreSQL counts its own syncs.
#[testing::needs("postgres")]
#[test]
fn a_stage_over_postgresql() -> Result<()> {
    let arguments = ["--quick", "--profile", "dev", "--json", "--only", "14"];
    // If root runs this, PostgreSQL runs as another user, who cannot go into every folder.
    let output = bench(&arguments, &std::env::temp_dir()).success();
    let report: Value = serde_json::from_slice(&output.get_output().stdout)?;
    let row = &report["rows"][0];
    assert_eq!((&row["name"], &row["store"]), (&"s14_shared".into(), &"postgresql".into()));
    assert_eq!((&row["kill"]["lost"], &row["note"]), (&0.into(), &Value::Null), "{row}");
    assert!(number(&row["kill"]["answered"])? > 0.0, "{row}");
    check_requests(row)?;
    let per_sync = |place: usize| number(&row["writes"][place]["per_sync"]);
    assert!(per_sync(0)? < 1.5 && per_sync(3)? > 2.0, "{row}");
    Ok(())
}

fn check_requests(row: &Value) -> Result<()> {
    let figures = row["requests"]["figures"].as_array().context("no requests")?;
    let clients: Vec<&Value> = figures.iter().map(|figure| &figure["clients"]).collect();
    assert_eq!(clients, [1, 32]);
    for figure in figures {
        assert!(number(&figure["per_second"])? > 0.0, "{row}");
    }
    assert_eq!(row["requests"]["failed"], 0, "{row}");
    Ok(())
}

#[test]
fn wrong_arguments() -> Result<()> {
    let folder = folder("wrong")?;
    let said = |arguments: &[&str], status: i32| {
        let output = bench(&[&["--quick"], arguments].concat(), &folder).code(status).stdout_eq("");
        String::from_utf8_lossy(&output.get_output().stderr).into_owned()
    };
    assert!(said(&["--profile", "fast"], 2).contains("[possible values: dev, release]"));
    assert!(said(&["--only", "99"], 1).starts_with("there is no stage \"99\"; choose one of s01"));
    let path = folder.join("nowhere/bench.svg");
    let path = path.to_str().context("a path")?;
    let sentence = said(&["--svg", path], 1);
    assert!(sentence.starts_with(&format!("cannot write {path}; choose another file")));
    Ok(())
}

/// A signal ends the servers, and removes their folders.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_after_a_signal() -> Result<()> {
    use std::process::Stdio;
    use testing::process::{Program, signal, until};
    let folder = folder("signal")?;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(["--quick", "--profile", "dev", "--only", "8"]).env("TMPDIR", &folder);
    let mut bench = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let id = bench.id();
    // The programs whose working folder is in `folder`: a server.
    let servers = || -> Result<usize> {
        let folders = fs::read_dir("/proc")?.flatten().map(|process| process.path().join("cwd"));
        let folders = folders.filter_map(|link| fs::read_link(link).ok());
        Ok(folders.filter(|place| place.starts_with(&folder)).count())
    };
    // The stage may have to be built before.
    let start = std::time::Instant::now();
    while servers()? == 0 {
        ensure!(bench.try_wait()?.is_none(), "the program has ended");
        ensure!(start.elapsed() < LIMIT, "no server has started");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(signal("-TERM", id)?);
    let status = until("the end of the program", || Ok(bench.try_wait()?))?;
    drop(Program::from(bench));
    assert_eq!(status.code(), Some(128 + 15));
    until("the end of the servers", || Ok((servers()? == 0).then_some(())))?;
    assert!(is_empty(&folder)?, "a folder is left");
    Ok(())
}
