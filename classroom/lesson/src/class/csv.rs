//! The results of the class as comma-separated values (CSV, RFC 4180), which each spreadsheet reads.

use super::board::Board;
use super::report::{Mark, Report};
use crate::check::BadArguments;
use anyhow::{Result, anyhow};
use replay::Lang;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file that is written at the end. It is removed if that does not happen.
pub struct File {
    path: PathBuf,
    file: fs::File,
    is_written: bool,
}

impl Drop for File {
    fn drop(&mut self) {
        if !self.is_written {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl File {
    /// Makes the file.
    ///
    /// # Errors
    /// A file that exists already, or that cannot be written ([`BadArguments`]).
    pub fn create(path: &Path, lang: Lang) -> Result<File> {
        let name = path.display();
        let file = fs::File::create_new(path).map_err(|error| {
            BadArguments(match (error.kind(), lang) {
                (ErrorKind::AlreadyExists, Lang::En) => {
                    format!("{name} is there already; choose another name for --csv")
                }
                (ErrorKind::AlreadyExists, Lang::Ko) => {
                    format!("{name} 파일이 이미 있습니다. --csv에 다른 이름을 쓰세요")
                }
                (_, Lang::En) => {
                    format!("cannot write {name}: {error}; choose another name for --csv")
                }
                (_, Lang::Ko) => {
                    format!("{name} 파일에 쓸 수 없습니다: {error}. --csv에 다른 이름을 쓰세요")
                }
            })
        })?;
        Ok(File { path: path.to_path_buf(), file, is_written: false })
    }

    /// Writes the results of the class, and returns a sentence that says so. If the file cannot be written, the results go
    /// to `output`.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn write(mut self, board: &Board, lang: Lang, output: &mut impl Write) -> Result<String> {
        let name = self.path.display();
        let reports = board.reports();
        let rows = reports.len();
        let text = text(reports.into_iter());
        if let Err(error) = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all())
        {
            let printed = output.write_all(text.as_bytes()).and_then(|()| output.flush());
            return Err(match (printed, lang) {
                (Ok(()), Lang::En) => {
                    anyhow!("cannot write {name}: {error}; the results are above")
                }
                (Ok(()), Lang::Ko) => {
                    anyhow!("{name} 파일에 쓸 수 없습니다: {error}. 결과는 위에 있습니다")
                }
                (Err(_), Lang::En) => anyhow!("cannot write {name}: {error}"),
                (Err(_), Lang::Ko) => anyhow!("{name} 파일에 쓸 수 없습니다: {error}"),
            });
        }
        self.is_written = true;
        Ok(match lang {
            Lang::En => format!("{name} has the results of the class; rows: {rows}"),
            Lang::Ko => format!("{name}에 수업 결과를 저장했습니다. 학생 수: {rows}"),
        })
    }
}

/// The reports as CSV. It begins with a byte order mark: without it Excel would not read Korean names.
fn text<'a>(reports: impl Iterator<Item = &'a Report>) -> String {
    let mut text =
        "\u{feff}name,stage,copy,cases,passed,failed,waiting,failed cases\r\n".to_string();
    for report in reports {
        let count = |mark| report.count(mark).to_string();
        let failed = report.cases.iter().filter(|case| case.1 == Mark::Failed);
        let failed: Vec<&str> = failed.map(|case| case.0).collect();
        let fields = [
            quoted(&report.name),
            report.stage.to_string(),
            quoted(report.copy.as_deref().unwrap_or_default()),
            report.cases.len().to_string(),
            count(Mark::Passed),
            count(Mark::Failed),
            count(Mark::Waiting),
            quoted(&failed.join(" ")),
        ];
        text += &fields.join(",");
        text += "\r\n";
    }
    text
}

/// A text as a field. A spreadsheet would calculate a text that begins with one of these characters as a formula; after
/// an apostrophe it is a text.
fn quoted(text: &str) -> String {
    let before = if text.starts_with(['=', '+', '-', '@', '\t']) { "'" } else { "" };
    format!("\"{before}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_texts() {
        let mut report = Report::new("k", "=1+\"2\", 민아", 7, Some("my_put"));
        report.cases[0].1 = Mark::Passed;
        report.cases[1].1 = Mark::Failed;
        let (all, failed) = (report.cases.len(), report.cases[1].0);
        let written = text([&report].into_iter());
        let row = written.lines().nth(1).unwrap_or_default();
        let waiting = all - 2;
        let wanted =
            format!("\"'=1+\"\"2\"\", 민아\",7,\"my_put\",{all},1,1,{waiting},\"{failed}\"");
        assert_eq!(row, wanted);
    }

    /// The device /dev/full stands for a disk that is full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_no_results() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("class.csv");
        let mut file = File::create(&path, Lang::En)?;
        file.file = fs::File::options().write(true).open("/dev/full")?;
        let mut board = Board::default();
        board.read(vec![Report::new("k", "mina", 7, None).to_text()], std::time::Instant::now());
        let mut output = Vec::new();
        let error = file.write(&board, Lang::En, &mut output).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.ends_with("; the results are above")));
        assert!(String::from_utf8(output)?.contains("\"mina\",7,"));
        assert!(!path.exists());
        Ok(())
    }
}
