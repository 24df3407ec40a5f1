//! The list as SQLite writes it in JSON: what serde_json reads back, and never longer than its limit.
#![allow(dead_code)]

#[path = "../src/http.rs"]
mod http;
#[path = "../src/messages.rs"]
mod messages;

use anyhow::{Context, Result};
use messages::Messages;
use proptest::prelude::*;
use std::path::Path;
use testing::Stage;

const STAGE: Stage = testing::stage!();

/// The limit of the list, which `messages.rs` has as MAX_LIST_BYTES.
const MAX_LIST_BYTES: usize = 512 << 10;

/// A message has at most this many bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// The list as `messages` has it, which is compared with `texts`. Returns its length.
fn same(messages: &Messages, texts: &[String]) -> Result<usize> {
    let list = messages.list()?;
    let read: Vec<String> = serde_json::from_str(&list).context("serde_json cannot read it")?;
    assert!(read == texts, "what comes back differs from {:.200}", format!("{texts:?}"));
    Ok(list.len())
}

/// Whether the error is the one that is answered with this status.
fn is_refused_with(status: u16, result: &Result<usize>) -> bool {
    let error: Option<&http::HttpError> = match result {
        Ok(_) => None,
        Err(error) => error.downcast_ref(),
    };
    error.is_some_and(|error| error.0 == status)
}

/// Writes messages past the server, which would sync each of them.
fn write(path: &Path, text: &str, count: usize) -> Result<()> {
    let file = rusqlite::Connection::open(path)?;
    file.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) \
         INSERT INTO messages SELECT i, ?2 FROM n",
        (i64::try_from(count)?, text),
    )?;
    Ok(())
}

/// Each character there is, NUL too.
#[test]
fn each_character_comes_back() -> Result<()> {
    let mut messages = Messages::open(&STAGE.file("characters")?)?;
    messages.add("")?;
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    for chars in all.chunks(MAX_BODY_BYTES / 4) {
        let text: String = chars.iter().collect();
        messages.replace(0, &text)?;
        assert_eq!(messages.get(0)?.as_ref(), Some(&text));
        same(&messages, &[text])?;
    }
    Ok(())
}

/// How much of the limit a text takes: its length in the list with a comma, and at least 50 bytes.
fn cost(text: &str) -> Result<usize> {
    Ok((serde_json::to_string(text)?.len() + 1).max(50))
}

/// The limit is that of the list as it goes over the wire. A short text counts as 50 bytes.
#[test]
fn the_limit_counts_quotes_commas_and_escapes() -> Result<()> {
    for text in ["", "x", "\0", "\n", "\"\\", "\u{1}\u{2}\u{3}", "가🙂\u{2028}", "x\u{7f}\u{9b}"]
    {
        let path = STAGE.file(&format!("limit-{}", text.escape_unicode()))?;
        drop(Messages::open(&path)?);
        let one = cost(text)?;
        // The brackets are one byte more than the comma of the last text.
        let count = (MAX_LIST_BYTES - 1) / one;
        write(&path, text, count - 1)?;
        // The limit holds for a file that is opened, too.
        let mut messages = Messages::open(&path)?;
        assert_eq!(messages.add(text)?, count - 1, "{text:?}");
        let mut texts = vec![text.to_string(); count];
        let size = same(&messages, &texts)?;
        assert!(size <= MAX_LIST_BYTES, "{text:?}: {size} bytes");
        assert!(is_refused_with(507, &messages.add(text)), "{text:?}");
        let longer = messages.replace(0, &"\u{1}".repeat(MAX_BODY_BYTES)).map(|()| 0);
        assert!(is_refused_with(507, &longer), "{text:?}");
        // A text as long as the one before fits, and nothing was changed by those that did not.
        messages.replace(count - 1, text)?;
        assert_eq!(same(&messages, &texts)?, size);
        texts[0].clear();
        messages.replace(0, "")?;
        same(&messages, &texts)?;
        drop(messages);
        let mut messages = Messages::open(&path)?;
        while messages.add(text).is_ok() {}
        assert!(messages.list()?.len() <= MAX_LIST_BYTES, "{text:?}");
        drop(messages);
        rusqlite::Connection::open(&path)?.execute_batch(
            "INSERT INTO messages SELECT max(position) + 1, printf('%1000c', 'x') FROM messages",
        )?;
        let error = Messages::open(&path).err().context("the file is too long")?.to_string();
        assert!(error.contains(&format!("more than {MAX_LIST_BYTES}")), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    Ok(())
}

/// Any character, the rare ones often.
fn letter() -> impl Strategy<Value = char> {
    prop_oneof![
        any::<char>(),
        (0..0x20_u8).prop_map(char::from),
        proptest::sample::select(
            "\"\\/\0\u{7f}\u{85}\u{2028}\u{2029}\u{d7ff}\u{e000}\u{ffff}🙂"
                .chars()
                .collect::<Vec<_>>()
        ),
    ]
}

/// What is done to the messages: a new one, or another text for one of those that are there.
type Deed = (Option<prop::sample::Index>, String);

fn deed() -> impl Strategy<Value = Deed> {
    let text = proptest::collection::vec(letter(), 0..30).prop_map(String::from_iter);
    let long = (letter(), 10_000..60_000usize)
        .prop_map(|(letter, length)| String::from(letter).repeat(length / letter.len_utf8()));
    (any::<Option<prop::sample::Index>>(), prop_oneof![3 => text, 1 => long])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    /// A list in memory tells what is expected of the store, also after it is opened again.
    #[test]
    fn a_store_has_what_was_put_into_it(deeds in proptest::collection::vec(deed(), 0..25)) {
        let path = STAGE.file("deeds").expect("a folder");
        let mut texts: Vec<String> = Vec::new();
        let mut messages = Messages::open(&path).expect("a store");
        for (place, text) in deeds {
            let place = place.filter(|_| !texts.is_empty()).map(|place| place.index(texts.len()));
            let result = match place {
                None => messages.add(&text),
                Some(index) => messages.replace(index, &text).map(|()| index),
            };
            let mut changed = texts.clone();
            match place {
                None => changed.push(text),
                Some(index) => changed[index] = text,
            }
            let costs: Result<Vec<usize>> = changed.iter().map(|text| cost(text)).collect();
            if costs.expect("JSON").iter().sum::<usize>() < MAX_LIST_BYTES {
                prop_assert_eq!(result.expect("room"), place.unwrap_or(texts.len()));
                texts = changed;
            } else {
                prop_assert!(is_refused_with(507, &result));
            }
        }
        same(&messages, &texts).expect("a list");
        drop(messages);
        same(&Messages::open(&path).expect("a store"), &texts).expect("a list");
    }
}
