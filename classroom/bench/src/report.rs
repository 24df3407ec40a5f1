//! What was measured, as tables and as JSON.

use crate::disk::{Disk, IN_MEMORY};
use crate::measure::{Kept, REQUEST_CLIENTS, Row, WRITE_CLIENTS, Writes};
use anstyle::Style;
use ladder::table::{Cell, Column, Table};
use replay::Lang;
use serde_json::{Value, json};
use std::fmt::Write;
use std::thread;

/// All that was measured in one run.
pub struct Report {
    /// How the stages were compiled: dev or release.
    pub profile: String,
    pub is_quick: bool,
    /// How long the run took.
    pub seconds: f64,
    pub disk: Disk,
    /// Whether the syncs of SQLite could be counted.
    pub counts_syncs: bool,
    pub rows: Vec<Row>,
}

impl Report {
    /// How many writes were lost in all.
    pub fn lost(&self) -> usize {
        self.rows.iter().filter_map(|row| row.kill.as_ref()).map(|kill| kill.lost).sum()
    }

    /// All figures. What was not measured is null, or an empty array.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(row_as_json).collect();
        json!({
            "profile": self.profile,
            "quick": self.is_quick,
            "cores": cores(),
            "seconds": rounded(self.seconds),
            "disk": {
                "folder": self.disk.folder.display().to_string(),
                "syncs_per_second": rounded(self.disk.syncs_per_second()),
                "after_appends": rounded(self.disk.appends),
                "after_overwrites": rounded(self.disk.overwrites),
            },
            "rows": rows,
        })
    }

    /// Three tables, with what their columns mean.
    pub fn tables(&self, lang: Lang) -> String {
        let pick = |en: &'static str, ko: &'static str| lang.choose(en, Some(ko)).to_string();
        let mut text = String::new();
        let head = |text: &mut String, title: String| {
            let bold = Style::new().bold();
            let _ = writeln!(text, "{bold}{title}{bold:#}");
        };
        head(
            &mut text,
            match lang {
                Lang::En => {
                    format!("What each stage costs (profile {}, {} cores)", self.profile, cores())
                }
                Lang::Ko => {
                    format!("단계마다 드는 것 (프로필 {}, 코어 {}개)", self.profile, cores())
                }
            },
        );
        let _ = write!(text, "{}", self.costs(lang));
        for line in [
            pick(
                "lines: in src. crates: all that cargo compiles, without the window. build: `cargo build`",
                "줄: src의 줄 수. 크레이트: 창을 빼고 cargo가 컴파일하는 모든 크레이트. 빌드: 이 크레이트를",
            ),
            pick(
                "of all these crates, in seconds of one core. MiB: memory when the server begins to listen.",
                "모두 `cargo build`로 컴파일할 때 코어 하나로 걸리는 초. MiB: 서버가 연결을 받기 시작할 때의 메모리.",
            ),
            pick(
                "1 client, 32 clients: requests a second. kept: many requests on one connection.",
                "클라이언트 1, 32: 초당 요청 수. 연결 유지: 한 연결로 여러 요청을 보내는지.",
            ),
        ] {
            let _ = writeln!(text, "  {line}");
        }
        if self.rows.iter().all(|row| row.writes.is_empty()) {
            return text + &self.notes(lang);
        }
        let syncs = thousands(self.disk.syncs_per_second());
        head(
            &mut text,
            match lang {
                Lang::En => format!(
                    "\nWrites a second, by the number of clients; the disk alone does {syncs} syncs a second"
                ),
                Lang::Ko => format!(
                    "\n클라이언트 수에 따른 초당 쓰기 수 (디스크 자체의 동기화는 초당 {syncs}번)"
                ),
            },
        );
        let _ = write!(text, "{}", self.writes(lang));
        head(&mut text, pick("\nWrites for each sync", "\n동기화 한 번에 들어가는 쓰기 수"));
        let _ = write!(text, "{}", self.syncs(lang));
        text + &self.notes(lang)
    }

    fn costs(&self, lang: Lang) -> Table {
        let pick = |en: &'static str, ko: &'static str| lang.choose(en, Some(ko)).to_string();
        let mut table = Table::new(vec![
            Column::fixed(&pick("stage", "단계")),
            Column::number(&pick("lines", "줄")),
            Column::number(&pick("crates", "크레이트")),
            Column::number(&pick("build", "빌드")),
            Column::number("MiB"),
            Column::fixed(&pick("request", "요청")),
            Column::number(&clients(REQUEST_CLIENTS[0], lang)),
            Column::number(&clients(REQUEST_CLIENTS[1], lang)),
            Column::fixed(&pick("kept", "연결 유지")),
        ]);
        for row in &self.rows {
            let cost = &row.cost;
            let crates = if cost.crates == 0 { "-".into() } else { cost.crates.to_string() };
            let mut cells = vec![
                Cell::new(name(row)),
                Cell::new(thousands(cost.lines as f64)),
                Cell::new(crates),
            ];
            cells.push(Cell::new(or_dash(cost.build, |seconds| format!("{seconds:.0}"))));
            cells.push(Cell::new(or_dash(row.memory, |mib| format!("{mib:.1}"))));
            match &row.requests {
                Some(requests) => {
                    cells.push(Cell::new(requests.method));
                    cells.extend(
                        requests.per_second.iter().map(|figure| Cell::new(thousands(*figure))),
                    );
                    cells.push(Cell::new(if requests.is_kept {
                        pick("yes", "예")
                    } else {
                        pick("no", "아니요")
                    }));
                }
                None => cells.extend(["-", "-", "-", "-"].map(Cell::new)),
            }
            table.row(cells);
        }
        table
    }

    fn writes(&self, lang: Lang) -> Table {
        let mut columns = vec![Column::fixed(lang.choose("stage", Some("단계")))];
        columns.extend(WRITE_CLIENTS.map(|number| Column::number(&clients(number, lang))));
        columns.push(Column::fixed(lang.choose("after kill -9", Some("kill -9 뒤"))));
        let mut table = Table::new(columns);
        for row in self.rows.iter().filter(|row| !row.writes.is_empty()) {
            let mut cells = vec![Cell::new(name(row))];
            cells.extend(row.writes.iter().map(|writes| Cell::new(thousands(writes.per_second))));
            let kill = or_dash(row.kill.as_ref(), |kill| match lang {
                Lang::En => format!("lost {} of {}", kill.lost, thousands(kill.answered as f64)),
                Lang::Ko => {
                    format!("{}개 중 {}개 잃음", thousands(kill.answered as f64), kill.lost)
                }
            });
            cells.push(Cell::new(kill));
            table.row(cells);
        }
        table
    }

    fn syncs(&self, lang: Lang) -> Table {
        let mut columns = vec![Column::fixed(lang.choose("stage", Some("단계")))];
        columns.extend(WRITE_CLIENTS.map(|number| Column::number(&clients(number, lang))));
        let mut table = Table::new(columns);
        for row in self.rows.iter().filter(|row| !row.writes.is_empty()) {
            let cell = |writes: &Writes| {
                Cell::new(or_dash(writes.per_sync, |ratio| format!("{ratio:.1}")))
            };
            let cells = row.writes.iter().map(cell);
            table.row([Cell::new(name(row))].into_iter().chain(cells).collect());
        }
        table
    }

    /// What has to be known to read the tables.
    fn notes(&self, lang: Lang) -> String {
        let mut notes = Vec::new();
        for row in &self.rows {
            let failed = row.requests.as_ref().map_or(0, |requests| requests.failed)
                + row.writes.iter().map(|writes| writes.failed).sum::<usize>();
            if let Some(note) = &row.note {
                notes.push(format!("{}: {note}", name(row)));
            }
            if failed > 0 {
                notes.push(match lang {
                    Lang::En => format!("{}: {failed} requests failed", name(row)),
                    Lang::Ko => format!("{}: 실패한 요청 {failed}개", name(row)),
                });
            }
        }
        if self.disk.syncs_per_second() > IN_MEMORY {
            let folder = self.disk.folder.display();
            notes.push(match lang {
                Lang::En => format!(
                    "{folder} is in memory and not on a disk; set TMPDIR to a folder on a disk"
                ),
                Lang::Ko => format!(
                    "{folder}: 디스크가 아니라 메모리입니다. TMPDIR을 디스크의 폴더로 바꾸세요"
                ),
            });
        }
        if !self.counts_syncs {
            notes.push(match lang {
                Lang::En => {
                    "the syncs of SQLite were not counted: there is no strace that may be used here"
                        .into()
                }
                Lang::Ko => {
                    "SQLite의 동기화는 세지 못했습니다. 쓸 수 있는 strace가 없습니다".into()
                }
            });
        }
        if self.is_quick {
            notes.push(match lang {
                Lang::En => "a quick run measures for a short time, and no cold build; leave out --quick for both".into(),
                Lang::Ko => "짧은 측정이고 처음부터 하는 빌드는 재지 않았습니다. --quick을 빼면 둘 다 잽니다".into(),
            });
        }
        notes.iter().fold(String::new(), |text, note| text + "\n" + note)
            + if notes.is_empty() { "" } else { "\n" }
    }
}

/// What a row is called: with its store where there is a choice.
pub fn name(row: &Row) -> String {
    match row.kept {
        Kept::PostgreSql => format!("{}, PostgreSQL", row.name),
        _ => row.name.clone(),
    }
}

fn row_as_json(row: &Row) -> Value {
    let kept = match row.kept {
        Kept::InMemory => None,
        Kept::Sqlite => Some("sqlite"),
        Kept::PostgreSql => Some("postgresql"),
    };
    let requests = row.requests.as_ref().map(|requests| {
        let figures = REQUEST_CLIENTS.iter().zip(&requests.per_second);
        let figures: Vec<Value> = figures
            .map(|(clients, figure)| json!({ "clients": clients, "per_second": rounded(*figure) }))
            .collect();
        json!({
            "method": requests.method,
            "kept_alive": requests.is_kept,
            "failed": requests.failed,
            "figures": figures,
        })
    });
    let writes = |writes: &Writes| {
        json!({
            "clients": writes.clients,
            "per_second": rounded(writes.per_second),
            "per_sync": writes.per_sync.map(rounded),
            "failed": writes.failed,
        })
    };
    json!({
        "name": row.name,
        "store": kept,
        "lines": row.cost.lines,
        "crates": row.cost.crates,
        "cold_build_seconds": row.cost.build.map(rounded),
        "memory_mib": row.memory.map(rounded),
        "requests": requests,
        "writes": row.writes.iter().map(writes).collect::<Vec<_>>(),
        "kill": row.kill.as_ref().map(|kill| json!({ "answered": kill.answered, "lost": kill.lost })),
        "note": row.note,
    })
}

/// A head such as "4 clients".
fn clients(number: usize, lang: Lang) -> String {
    match (lang, number) {
        (Lang::En, 1) => "1 client".to_string(),
        (Lang::En, _) => format!("{number} clients"),
        (Lang::Ko, _) => format!("클라이언트 {number}"),
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// A figure as a text, or a dash if there is none.
fn or_dash<T>(figure: Option<T>, text: impl Fn(T) -> String) -> String {
    figure.map_or("-".to_string(), text)
}

/// A number with two digits after the point.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// A whole number with a comma before each three digits.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        let texts = [7.4, 999.6, 12_345.0, 1_234_567.0].map(thousands);
        assert_eq!(texts, ["7", "1,000", "12,345", "1,234,567"]);
    }
}
