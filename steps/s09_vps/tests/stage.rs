//! A server that runs for days: each line of its log has the time and the peer.

use anyhow::{Context, Result};
use testing::{Stage, ureq};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    ends_with_a_connection, ends_with_no_request, goes_on_after_a_line_that_fails,
    ignores_an_empty_line_before_a_request, shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
    escapes_in_its_log_what_drives_a_terminal, shortens_its_log,
    #[cfg(not(feature = "window"))] says_that_it_has_no_window,
}

#[test]
fn each_line_of_the_log_says_when_and_who() -> Result<()> {
    let mut server = STAGE.server()?;
    ureq::post(format!("http://{}/", server.addr())).send("한글")?;
    let log = server.said()?;
    let (first, log) = log.split_once('\n').context("no log")?;
    assert!(first.starts_with("listening on "));
    assert!(log.lines().count() > 10, "{log}");
    for line in log.lines() {
        let [time, peer, _] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let time: jiff::Timestamp = time.parse()?;
        assert!(jiff::Timestamp::now().duration_since(time).abs().as_secs() < 60);
        assert!(peer.starts_with("127.0.0.1:"), "{line}");
    }
    Ok(())
}
