//! What the students' commands print in Korean: list, check, watch and start.

use crate::check::without_ports;
use crate::{binary, command, ladder, lesson, lesson_in, root, scratch::Scratch, stdout};
use anyhow::{Context, Result};
use snapbox::str;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use testing::needs;

/// Whether a text has a Korean letter.
fn is_korean(text: &str) -> bool {
    text.contains(|c: char| ('가'..='힣').contains(&c))
}

/// A server that sends the same response on every connection; returns its address.
fn server_that_sends(response: &'static str) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(response.as_bytes());
        }
    });
    Ok(addr)
}

/// Each stage has its idea in README.ko.md.
#[test]
fn the_ladder() -> Result<()> {
    let korean = stdout(lesson(&["list", "--lang", "ko"]).success().stderr_eq(""))?;
    let head: Vec<&str> =
        korean.lines().next().context("no head")?.split("  ").filter(|s| !s.is_empty()).collect();
    let head: Vec<&str> = head.iter().map(|word| word.trim()).collect();
    assert_eq!(head, ["단계", "아이디어 하나", "추가", "삭제", "재생하는 명령"]);
    for stage in ladder()?.stages() {
        let row = korean.lines().find(|line| line.contains(&format!(" {}  ", stage.name)));
        let row = row.with_context(|| format!("no row for {}", stage.name))?;
        assert!(is_korean(row) && !row.contains(&stage.idea), "{row}");
    }
    Ok(())
}

#[test]
fn the_option_goes_before_the_locale() -> Result<()> {
    let said = |locale: &str, arguments: &[&str]| -> Result<bool> {
        let ended = command(&root(), arguments).env("LC_ALL", locale).assert().success();
        Ok(is_korean(&stdout(ended)?))
    };
    assert!(said("ko_KR.UTF-8", &["list"])?);
    assert!(said("ko_KR.UTF-8", &[])?);
    assert!(said("C", &["--lang", "ko", "list"])?);
    assert!(said("C", &["--lang", "ko"])?);
    assert!(!said("ko_KR.UTF-8", &["list", "--lang", "en"])?);
    assert!(!said("C", &["list"])?);
    lesson(&["list", "--lang", "fr"])
        .code(2)
        .stdout_eq("")
        .stderr_eq("\"fr\" is not a language of the lessons; choose en or ko\n");
    Ok(())
}

#[test]
fn six_is_not_yet_seven() -> Result<()> {
    let run = format!("'{}' server --addr {{addr}}", binary("s06_form")?.display());
    let ended = lesson(&["check", "7", "--lang", "ko", "--run", &run]).code(1).stderr_eq("");
    let said = without_ports(&stdout(ended)?.replace(&run, "COMMAND")).replace('\\', "/");
    snapbox::assert_data_eq!(
        said,
        str![[r#"
127.0.0.1:[PORT] 서버가 s07_put 서버와 똑같이 응답하는지 검사했습니다. 케이스 [..]개
✗ post  POST /
  상태 코드 201 대신 200 응답이 왔습니다
  보낸 것   POST / HTTP/1.1/r/n
            Host: 127.0.0.1:[PORT]/r/n
            Connection: close/r/n
            Content-Length: 16/r/n
            /r/n
            the text of post
  기대한 것 201
            Content-Type: text/plain; charset=utf-8
            Location: /0
            Content-Length: 16

            the text of post
  돌아온 것 HTTP/1.1 200 OK/r/n
            Content-Type: text/plain; charset=utf-8/r/n
            Content-Length: 16/r/n
            Connection: close/r/n
            /r/n
            the text of post
  참고      RFC 9110의 15.3.2절
  시작      [..]
  직접 확인 curl -i -X POST --data-binary 'the text of post' 127.0.0.1:8080/
  body-in-two-segments, head-in-two-segments 외 [..]개: 같은 잘못
✗ get-before (외 [..]개): 상태 코드 200 대신 404 응답이 왔습니다
✗ post-message (외 [..]개): 상태 코드 405 대신 404 응답이 왔습니다
자세히: cargo lesson check 7 --run 'COMMAND' --only get-before

케이스 [..]개 가운데 [..]개를 통과했습니다
  통과            메시지가 없는 경로
  통과하지 못함   POST /([..]개 가운데 0개), 목록([..]
...
  먼저 볼 것      post

"#]]
    );
    Ok(())
}

/// What holds, line by line, and one case alone.
#[test]
fn a_right_server() -> Result<()> {
    let run = format!("'{}' server --addr {{addr}}", binary("s02_loop")?.display());
    let arguments = ["check", "2", "--lang", "ko", "--run", &run];
    let said = stdout(lesson(&[&arguments[..], &["--brief"]].concat()).success().stderr_eq(""))?;
    snapbox::assert_data_eq!(
        without_ports(&said),
        str![[r#"
127.0.0.1:[PORT] 서버가 s02_loop 서버와 똑같이 응답하는지 검사했습니다. 케이스 12개
✓ line-comes-back  RFC 9293의 3.4절
✓ many-lines  RFC 9293의 3.4절
✓ half-line-waits  RFC 9293의 3.4절
✓ line-and-a-half  RFC 9293의 3.4절
✓ korean-comes-back  RFC 9293의 3.4절
✓ empty-line  RFC 9293의 3.4절
✓ spaces-stay  RFC 9293의 3.4절
✓ full-read  RFC 9293의 3.4절
✓ two-lines-one-segment  RFC 9293의 3.4절
✓ line-byte-by-byte  RFC 9293의 3.4절
✓ long-line  RFC 9293의 3.4절
✓ next-client  RFC 9293의 3.4절
케이스 12개를 모두 통과했습니다

"#]]
    );
    let said = stdout(lesson(&[&arguments[..], &["--only", "empty-line"]].concat()).success())?;
    snapbox::assert_data_eq!(
        without_ports(&said),
        str![[r#"
127.0.0.1:[PORT] 서버가 s02_loop 서버와 똑같이 응답하는지 검사했습니다. 케이스 1개
케이스를 통과했습니다

"#]]
    );
    Ok(())
}

/// The bar, and what is said at the end.
#[test]
fn a_right_server_is_watched() -> Result<()> {
    let run = format!("'{}' server --addr {{addr}}", binary("s02_loop")?.display());
    lesson(&["watch", "2", "--lang", "ko", "--run", &run]).success().stdout_eq(str![[r#"
████████████████████████████████████████ 케이스 12개 가운데 12개 통과
2단계를 마쳤습니다

"#]]);
    Ok(())
}

/// A sentence with the text of a server in it, and its likely cause. No line is wider than a terminal.
#[test]
fn one_fault_in_full() -> Result<()> {
    let addr = server_that_sends(
        "HTTP/1.1 404 Not Found\nContent-Type: text/plain; charset=utf-8\nContent-Length: 0\n\n",
    )?;
    let arguments = ["check", "7", "--lang", "ko", "--addr", &addr, "--only", "get-word"];
    let said = stdout(lesson(&arguments).code(1).stderr_eq(""))?;
    let said = said.replace(&addr.replace(':', " "), "127.0.0.1 8080");
    for line in said.lines().filter(|line| !line.contains("curl") && !line.contains("printf")) {
        assert!(textwrap::core::display_width(line) <= 80, "{line}");
    }
    snapbox::assert_data_eq!(
        without_ports(&said).replace('\\', "/"),
        str![[r#"
127.0.0.1:[PORT] 서버가 s07_put 서버와 똑같이 응답하는지 검사했습니다. 케이스 1개
✗ get-word  GET /abc
  헤더부의 한 줄이 CR LF가 아니라 LF만으로 끝납니다
  보낸 것   GET /abc HTTP/1.1/r/n
            Host: 127.0.0.1:[PORT]/r/n
            Connection: close/r/n
            /r/n
  기대한 것 404
            Content-Length: 본문의 바이트 수
  돌아온 것 HTTP/1.1 404 Not Found/n
            Content-Type: text/plain; charset=utf-8/n
            Content-Length: 0/n
            /n
  원인      HTTP의 개행은 "/r/n"인데 서버가 "/n"을 보냅니다.
  참고      RFC 9112의 2.2절
  직접 확인 printf 'GET /abc HTTP/1.1/r/nHost: 127.0.0.1:[PORT]/r/nConnection: close/r/n/r/n' | nc 127.0.0.1 8080 | cat -vet

케이스를 통과하지 못했습니다

"#]]
    );
    Ok(())
}

/// JSON is for programs, and stays as it is.
#[test]
fn json_has_no_language() -> Result<()> {
    let addr = server_that_sends("nonsense")?;
    let arguments = ["check", "7", "--addr", &addr, "--only", "get-word", "--json"];
    let ended = lesson(&[&arguments[..], &["--lang", "ko"]].concat()).code(1);
    assert!(!is_korean(&stdout(ended)?));
    Ok(())
}

#[test]
fn where_nothing_listens() -> Result<()> {
    let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let ended = lesson(&["check", "7", "--lang", "ko", "--addr", &addr]).code(1).stdout_eq("");
    let said = String::from_utf8(ended.get_output().stderr.clone())?;
    assert!(
        said.starts_with(&format!("{addr}에서 연결을 기다리는 프로그램이 없습니다(")),
        "{said}"
    );
    assert!(said.contains("cargo run -p s07_put -- server --addr"), "{said}");
    assert!(said.contains("--run 'COMMAND {addr}'"), "{said}");
    Ok(())
}

#[needs("git")]
#[test]
fn a_copy() -> Result<()> {
    let scratch = Scratch::new()?;
    let start = |arguments: &[&str]| {
        let arguments = [&["start", "--lang", "ko"], arguments].concat();
        lesson_in(scratch.folder(), &arguments).success().stderr_eq("")
    };
    start(&["6", "my_put"]).stdout_eq(str![[r#"
mine/my_put: s06_form의 사본입니다. 자유롭게 고치세요
  재생             cargo run -p my_put
  다음 단계        s07_put: 인덱스로 메시지를 바꿉니다
  검사             cargo lesson check 7 my_put
  저장할 때마다    cargo lesson watch 7 my_put
  끝났는지 확인    cargo test -p my_put
  첫 힌트          [..]

"#]]);
    start(&["6", "my_half", "--half"]).stdout_eq(str![[r#"
mine/my_half: 반쯤 완성된 s07_put의 사본입니다. 자유롭게 고치세요
  작성할 함수      src/server.rs의 respond_at
  작성할 함수      src/server.rs의 parse_index
  재생             cargo run -p my_half
  새로운 것        s07_put: 인덱스로 메시지를 바꿉니다
  검사             cargo lesson check 7 my_half
  저장할 때마다    cargo lesson watch 7 my_half
  끝났는지 확인    cargo test -p my_half
  첫 힌트          [..]

"#]]);
    start(&["3", "my_window"]).stdout_eq(str![[r#"
mine/my_window: s03_http의 사본입니다. 자유롭게 고치세요
  재생             cargo run -p my_window
  다음 단계        s04_window: 프롬프트 대신 창
  참고             s04_window: 서버가 바뀌지 않는 단계라서 처음부터 검사와 테스트를 통과합니다
  검사             cargo lesson check 4 my_window
  저장할 때마다    cargo lesson watch 4 my_window
  끝났는지 확인    cargo test -p my_window
  첫 힌트          [..]

"#]]);
    // The list has the copies, with the ideas of their stages.
    let list = stdout(lesson_in(scratch.folder(), &["list", "--lang", "ko"]).success())?;
    let row = list.lines().find(|line| line.contains(" my_put ")).context("no row")?;
    assert!(is_korean(row), "{row}");
    Ok(())
}
