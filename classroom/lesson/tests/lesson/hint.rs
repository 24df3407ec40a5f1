//! hint: the next hint for an exercise, and its answer.

use crate::scratch::Scratch;
use crate::{command, lesson_in, stdout};
use anyhow::Result;
use snapbox::str;
use std::fs;
use testing::needs;

#[needs("git")]
#[test]
fn one_hint_after_the_other_and_then_the_answer() -> Result<()> {
    let scratch = Scratch::new()?;
    let hint = ["hint", "7", "2", "--lang", "en"];
    lesson_in(scratch.folder(), &hint).success().stderr_eq("").stdout_eq(str![[r#"
7. PUT: change a message by its index
exercise 2

Send `PUT /0` twice with the same text, and then a POST twice with the same
text. A program sent a request and got no response. Which of the two may it send
again, and why?

Hint 1 / 2
Look at the list after each request.

the next hint: cargo lesson hint 7 2

"#]]);
    lesson_in(scratch.folder(), &hint).success().stderr_eq("").stdout_eq(str![[r#"
7. PUT: change a message by its index
exercise 2

Send `PUT /0` twice with the same text, and then a POST twice with the same
text. A program sent a request and got no response. Which of the two may it send
again, and why?

Hint 2 / 2
The RFC has a word for a method whose second request changes nothing more:
idempotent.

the answer: cargo lesson hint 7 2 --answer

"#]]);
    // There is no third hint.
    let again = stdout(lesson_in(scratch.folder(), &hint).success())?;
    assert!(again.contains("\nHint 2 / 2\n"), "{again}");
    let answer = ["hint", "s07", "2", "--lang", "en", "--answer"];
    lesson_in(scratch.folder(), &answer).success().stderr_eq("").stdout_eq(str![[r#"
7. PUT: change a message by its index
exercise 2

Send `PUT /0` twice with the same text, and then a POST twice with the same
text. A program sent a request and got no response. Which of the two may it send
again, and why?

Answer
It may send the PUT again. After two equal PUTs the list is the same as after
one, so PUT is idempotent. After two equal POSTs the list has one message more
than after one.

    $ cargo run -p s07_put -- server
    listening on 127.0.0.1:8080

    $ curl -s -o /dev/null --data first http://127.0.0.1:8080/
    $ curl -s -o /dev/null -X PUT --data new http://127.0.0.1:8080/0
    $ curl -s -o /dev/null -X PUT --data new http://127.0.0.1:8080/0
    $ curl -s -w '\n' http://127.0.0.1:8080/
    ["new"]
    $ curl -s -o /dev/null --data more http://127.0.0.1:8080/
    $ curl -s -o /dev/null --data more http://127.0.0.1:8080/
    $ curl -s -w '\n' http://127.0.0.1:8080/
    ["new","more","more"]

Checked by
Command. The two lists are those above.

"#]]);
    // Git does not see which hints were shown.
    assert_eq!(scratch.changed()?, "");
    Ok(())
}

/// Without the number of an exercise, the hints of a section come in the order of its exercises.
#[needs("git")]
#[test]
fn the_next_hint_of_a_section() -> Result<()> {
    let scratch = Scratch::new()?;
    let next = |section: &str| -> Result<String> {
        let said =
            stdout(lesson_in(scratch.folder(), &["hint", section, "--lang", "en"]).success())?;
        let line = |start: &str| said.lines().find(|line| line.starts_with(start));
        Ok(format!(
            "{}, {}",
            line("exercise ").unwrap_or_default(),
            line("Hint ").unwrap_or_default()
        ))
    };
    assert_eq!(next("4")?, "exercise 1, Hint 1 / 2");
    assert_eq!(next("4")?, "exercise 1, Hint 2 / 2");
    assert_eq!(next("packets")?, "exercise 1, Hint 1 / 2");
    assert_eq!(next("4")?, "exercise 2, Hint 1 / 2");
    // A damaged file counts as an empty one, and one line of it counts for one exercise.
    fs::write(scratch.path("mine/.hints"), "4 2\nx\n4 1 9\n4 2 2\n")?;
    assert_eq!(next("4")?, "exercise 3, Hint 1 / 2");
    fs::remove_file(scratch.path("mine/.hints"))?;
    assert_eq!(next("4")?, "exercise 1, Hint 1 / 2");
    Ok(())
}

#[needs("git")]
#[test]
fn a_hint_in_korean() -> Result<()> {
    let scratch = Scratch::new()?;
    let by_option =
        stdout(lesson_in(scratch.folder(), &["hint", "1", "4", "--lang", "ko"]).success())?;
    assert!(
        by_option.contains("\n연습 문제 4\n") && by_option.contains("\n힌트 1 / 2\n"),
        "{by_option}"
    );
    let by_locale = command(scratch.folder(), &["hint", "1", "4"]).env("LC_ALL", "ko_KR.UTF-8");
    let by_locale = stdout(by_locale.assert().success())?;
    assert!(by_locale.contains("\n힌트 2 / 2\n"), "{by_locale}");
    Ok(())
}

/// The first hint that `start` names is for the exercise that makes the next stage.
#[needs("git")]
#[test]
fn each_copy_has_a_first_hint() -> Result<()> {
    let scratch = Scratch::new()?;
    for (stage, hint) in [("2", "3 3"), ("3", "4"), ("5", "6 3"), ("10", "11 4"), ("11", "12 4")] {
        let copy = format!("my_{stage}");
        let said = stdout(lesson_in(scratch.folder(), &["start", stage, &copy]).success())?;
        let line = format!("  the first hint   cargo lesson hint {hint}\n");
        assert!(said.contains(&line), "{said}");
    }
    Ok(())
}

#[needs("git")]
#[test]
fn what_has_no_hint() -> Result<()> {
    let scratch = Scratch::new()?;
    for (arguments, sentence) in [
        (
            &["hint", "7", "9"][..],
            "there is no exercise 9; this section has the exercises 1 to 3\n",
        ),
        (&["hint", "7", "--answer"], "say which exercise: cargo lesson hint 7 1 --answer\n"),
    ] {
        lesson_in(scratch.folder(), arguments).code(1).stdout_eq("").stderr_eq(sentence);
    }
    lesson_in(scratch.folder(), &["start", "6", "my_put"]).success();
    lesson_in(scratch.folder(), &["hint", "my_put"])
        .code(1)
        .stdout_eq("")
        .stderr_eq("my_put is your own; name a stage or packets\n");
    let said = lesson_in(scratch.folder(), &["hint", "no_stage"]).code(1).stdout_eq("");
    let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
    assert!(said.starts_with("there is no stage \"no_stage\"; choose one of "), "{said}");
    assert!(!scratch.path("mine/.hints").exists());
    Ok(())
}
