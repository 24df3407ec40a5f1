//! The texts of a report in Korean. `korean.txt` has each sentence below its English one, so the code of the cases has
//! English texts alone.

use std::sync::OnceLock;

/// A sentence in English and in Korean, with `{1}`, `{2}` and so on for the parts that differ.
struct Sentence {
    /// The English text between the parts: one piece more than it has parts.
    pieces: Vec<&'static str>,
    /// The number of each part, in the order of the English text.
    numbers: Vec<usize>,
    korean: &'static str,
}

/// The text in Korean, with its parts. A text without a Korean one is returned as it is, such as a method and a path,
/// or what a server sent.
pub fn korean(text: &str) -> String {
    if is_statuses(text) {
        return text.replace(" or ", " 또는 ");
    }
    // What a server or a client sent stays as it is; the number of its bytes may follow.
    let (start, length) = text.split_once("…\" (").unwrap_or((text, ""));
    if let Some(length) = length.strip_suffix(" bytes)").filter(|_| text.starts_with('"')) {
        return format!("{start}…\" ({length}바이트)");
    }
    let found = sentences().iter().find_map(|sentence| sentence.translate(text));
    found.unwrap_or_else(|| text.to_string())
}

/// Whether the text is a list of statuses, such as `400 or 413`.
fn is_statuses(text: &str) -> bool {
    text.contains(" or ") && text.split(" or ").all(|status| status.parse::<u16>().is_ok())
}

/// All sentences. Of two that fit, the one with more text of its own comes first.
fn sentences() -> &'static [Sentence] {
    static SENTENCES: OnceLock<Vec<Sentence>> = OnceLock::new();
    SENTENCES.get_or_init(|| {
        let mut sentences: Vec<Sentence> =
            pairs().into_iter().map(|(english, korean)| Sentence::new(english, korean)).collect();
        sentences.sort_by_key(|sentence| {
            std::cmp::Reverse(sentence.pieces.iter().map(|piece| piece.len()).sum::<usize>())
        });
        sentences
    })
}

/// Each English sentence of the file with the Korean one.
fn pairs() -> Vec<(&'static str, &'static str)> {
    let mut pairs = Vec::new();
    let mut english = "";
    for line in include_str!("korean.txt").lines() {
        match line.strip_prefix("    ") {
            Some(korean) => pairs.push((english, korean)),
            None => english = line,
        }
    }
    pairs
}

impl Sentence {
    fn new(english: &'static str, korean: &'static str) -> Sentence {
        let (mut pieces, mut numbers) = (Vec::new(), Vec::new());
        let mut rest = english;
        while let Some((at, number)) = part(rest) {
            pieces.push(&rest[..at]);
            numbers.push(number);
            rest = &rest[at + "{1}".len()..];
        }
        pieces.push(rest);
        Sentence { pieces, numbers, korean }
    }

    /// The Korean text, if the English one fits.
    fn translate(&self, text: &str) -> Option<String> {
        let (first, others) = self.pieces.split_first()?;
        let mut rest = text.strip_prefix(first)?;
        let Some((last, middle)) = others.split_last() else {
            return rest.is_empty().then(|| self.korean.to_string());
        };
        let mut parts = Vec::new();
        for piece in middle {
            let (part, after) = rest.split_once(piece)?;
            parts.push(part);
            rest = after;
        }
        parts.push(rest.strip_suffix(last)?);
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        // Each part is filled in only once, so a `{1}` inside a part is not replaced.
        let mut translated = String::new();
        let mut rest = self.korean;
        while let Some((at, number)) = part(rest) {
            translated.push_str(&rest[..at]);
            let position = self.numbers.iter().position(|other| *other == number)?;
            translated.push_str(&korean(parts[position]));
            rest = &rest[at + "{1}".len()..];
        }
        Some(translated + rest)
    }
}

/// Where the first `{1}`, `{2}` or so on of a text is, and its number.
fn part(text: &str) -> Option<(usize, usize)> {
    text.match_indices('{').find_map(|(at, _)| match text.as_bytes()[at..] {
        [_, digit @ b'1'..=b'9', b'}', ..] => Some((at, usize::from(digit - b'0'))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Files without a sentence that a report shows. Another test reads the tables.
    const OTHER_FILES: [&str; 6] =
        ["dialogues.rs", "hand.rs", "korean.rs", "program.rs", "show.rs", "table.rs"];

    /// The beginnings of texts that no report shows, and of parts of a sentence that the file has as a whole.
    const OTHER_TEXTS: [&str; 38] = [
        " HTTP/1.1",
        " and Connection: ",
        "(printf ",
        ", and slow-request needs",
        ", a byte at a time",
        ", in many segments",
        ", in two segments",
        ", its body after",
        "; another connection waits",
        "; it printed: ",
        "DELETE /",
        "GET /{1.1}",
        "HEAD /{1.1}",
        "OPTIONS /",
        "POST /{1.1}",
        "RFC ",
        "a check has {:.0} s{slow}",
        "among {SILENT}",
        "begins with white space",
        "curl ",
        "for i in ",
        "has ",
        "head -c ",
        "kill -9 the server, start",
        "message {",
        "the command needs {addr}",
        "the field line {} {why}",
        "the name has no address",
        "the server ended after its response",
        "the server ended before it listened ({status}){}",
        "the server ended during this case, and",
        "the status is",
        "the text of ",
        "the {} connection",
        "time of Date",
        "write {number}",
        "{name} is {}, not {value}",
        "{} {path} HTTP/1.1",
    ];

    /// The texts in quotes of a file, without those of its tests.
    fn texts(file: &str) -> Vec<String> {
        let code = file.split("#[cfg(test)]\nmod").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: String = lines.map(|line| format!("{line}\n")).collect();
        let code = code.replace("'\"'", "").replace("b\"\\\"\"", "");
        let mut texts = Vec::new();
        let mut chars = code.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '"' {
                continue;
            }
            let mut text = String::new();
            while let Some(c) = chars.next().filter(|c| *c != '"') {
                match (c, chars.peek()) {
                    ('\\', Some('"' | '\\')) => text.extend(chars.next()),
                    ('\\', Some('n')) => text.extend(chars.next().map(|_| '\n')),
                    ('\\', Some('r')) => text.extend(chars.next().map(|_| '\r')),
                    ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                    _ => text.push(c),
                }
            }
            texts.push(text);
        }
        texts
    }

    /// The text with a number in the place of each part.
    fn filled(text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let end = after.split_once('}').map_or("", |(_, end)| end);
            filled.push_str(&format!("{before}7"));
            rest = end;
        }
        filled + rest
    }

    #[test]
    fn each_sentence_of_a_report_has_a_korean_one() {
        let mut missing = Vec::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for folder in [source.clone(), source.join("check")] {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !name.ends_with(".rs") || OTHER_FILES.contains(&&*name) {
                    continue;
                }
                for text in texts(&fs::read_to_string(&path).unwrap()) {
                    let words = text.split(' ').filter(|word| word.len() > 1).count();
                    let is_sent = text.contains("\r\n");
                    let other = OTHER_TEXTS.iter().any(|start| text.starts_with(start));
                    if words < 3 || is_sent || other {
                        continue;
                    }
                    for line in filled(&text).lines() {
                        if line.contains(' ') && korean(line) == line {
                            missing.push(format!("{name}: {line}"));
                        }
                    }
                }
            }
        }
        assert!(
            missing.is_empty(),
            "classroom/contract/src/korean.txt has no:\n{}",
            missing.join("\n")
        );
    }

    #[test]
    fn each_case_says_in_korean_what_it_asks() {
        use crate::cases::{Case, cases};
        for stage in 1..=crate::last_stage() {
            for case in cases(stage) {
                let what = match &case {
                    Case::Talk(talk) => talk.what,
                    Case::Limit(limit) => limit.what,
                    Case::Dialogue(dialogue) => dialogue.what,
                    Case::Break(_, what, ..) => what,
                    Case::Together(together) => together.what(),
                    _ => continue,
                };
                let is_known =
                    sentences().iter().any(|sentence| sentence.translate(what).is_some());
                assert!(is_known, "classroom/contract/src/korean.txt has no: {what}");
                let topic = case.topic();
                let is_name = ["POST /", "Date", "Expect"].contains(&topic);
                assert!(is_name || korean(topic) != topic, "no topic {topic}");
                if let Case::Dialogue(dialogue) = case {
                    assert!(korean(dialogue.cause) != dialogue.cause, "{}", dialogue.cause);
                    for line in dialogue.wanted().lines() {
                        let is_statuses = !line.contains(' ');
                        assert!(is_statuses || korean(line) != line, "{}: {line}", dialogue.id);
                    }
                }
            }
        }
    }

    #[test]
    fn the_file_is_a_list_of_pairs() {
        let (mut known, mut waiting) = (BTreeSet::new(), "");
        for line in include_str!("korean.txt").lines() {
            if line.is_empty() || line.starts_with('#') {
                assert_eq!(waiting, "", "a sentence has no Korean one");
            } else if line.starts_with("    ") {
                assert_ne!(waiting, "", "{line}");
                waiting = "";
            } else {
                assert_eq!(waiting, "", "a sentence has no Korean one");
                assert!(known.insert(line), "twice: {line}");
                waiting = line;
            }
        }
        for (english, korean) in pairs() {
            let numbers = |text: &str| -> BTreeSet<usize> {
                Sentence::new(text.to_string().leak(), "").numbers.into_iter().collect()
            };
            assert_eq!(numbers(english), numbers(korean), "{english}");
        }
    }

    #[test]
    fn the_parts_of_a_sentence_are_translated_too() {
        for (english, wanted) in [
            (
                "the status is 404, not 200 or 413",
                "상태 코드 200 또는 413 대신 404 응답이 왔습니다",
            ),
            (
                "the connection ended with RST and not with FIN, after the response",
                "연결이 FIN이 아니라 RST로 끝났습니다(응답 뒤)",
            ),
            (
                "afterwards message 3 of the list is \"a\", not \"b…\" (90 bytes)",
                "그 뒤: 목록의 3번 메시지가 다릅니다: \"a\" (기대한 메시지: \"b…\" (90바이트))",
            ),
            ("POST /, in two segments", "POST /, 세그먼트 둘로"),
            ("GET /7", "GET /7"),
        ] {
            assert_eq!(korean(english), wanted);
        }
    }
}
