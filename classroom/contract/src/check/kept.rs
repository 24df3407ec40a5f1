//! Stage 12: dialogues on one connection, the date of each response, and a connection on which nothing comes.

use super::list::lenient_list;
use super::{CLOSE, Check, Server};
use crate::connection::{End, Exchange, Patience, connect};
use crate::date;
use crate::dialogue::{Client, Dialogue, bytes, has_option, hold};
use crate::fault::{Checked, Fault};
use crate::hand;
use crate::judge::Want;
use crate::outcome::{Outcome, Verdict};
use crate::question::{Model, Question};
use crate::response::Response;
use crate::together;
use anyhow::Result;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

/// How long a connection may stay open on which nothing comes.
const IDLE: Duration = Duration::from_secs(15);

/// A person who types needs at least this long between two requests.
const SHORTEST_IDLE: Duration = Duration::from_secs(1);

/// How long the check waits for an answer to a second request that comes a byte a second.
const SLOW_SECOND: Duration = Duration::from_millis(12_500);

/// How long a connection is used: longer than the 10 s of one request.
const BUSY: Duration = Duration::from_millis(11_200);

/// How many seconds the clock of a server may differ from that of the check, on one machine and on two.
const NEAR: i64 = 120;
const FAR: i64 = 86_400;

/// The results of the cases that run at the same time as the slow request, because they take as long.
pub(super) struct Beside {
    idle: (Checked<()>, Exchange),
    second: (Checked<()>, Exchange),
    busy: (Checked<()>, Exchange),
}

impl Check<'_, '_> {
    /// A dialogue on one connection, and a look at the list.
    pub(super) fn dialogue(&mut self, dialogue: &Dialogue) -> Result<Outcome> {
        let mut model = self.model.clone().unwrap_or_default();
        let patience = self.patience();
        let mut said = hold(&self.addr(), dialogue, &model, patience);
        if let End::Refused(reason) = &said.exchange.end {
            let reason = format!("nothing listens any more ({reason})");
            self.blame_the_case_before()?;
            if self.over.is_some() {
                return Ok(Outcome::not_asked(self.stage, dialogue.id, dialogue.what, &reason));
            }
            self.begin_list()?;
            model = self.model.clone().unwrap_or_default();
            said = hold(&self.addr(), dialogue, &model, patience);
        }
        self.notice(&said.exchange);
        let new = model.list.len();
        model.list.extend(said.added);
        // A dialogue that holds and ends with the list has shown all of it.
        let is_shown = said.result.is_ok() && dialogue.ends_with_list();
        let compared = match is_shown {
            true => {
                (self.model, self.list_length) = (Some(model), None);
                Ok(())
            }
            false => self.compare_list(&model.list)?,
        };
        let result = said.result.and(compared.map_err(|fault| match fault.kind.as_str() {
            "other-list" => fault.because(dialogue.cause).see(dialogue.section),
            _ => fault,
        }));
        self.stays_open |= result.as_ref().is_err_and(|fault| fault.kind == "stays-open");
        let length: usize = said.sent.iter().map(Vec::len).sum();
        let addr = self.by_hand();
        // The commands by hand have the address for a person.
        let by_hand: Vec<Vec<u8>> = match length {
            ..4_000 => dialogue
                .turns
                .iter()
                .filter_map(|turn| turn.text())
                .map(|text| bytes(text, &addr, new))
                .collect(),
            _ => Vec::new(),
        };
        let mut outcome = Outcome {
            stage: self.stage,
            id: dialogue.id,
            topic: "",
            section: "",
            what: dialogue.what.to_string(),
            sent: said.sent.concat(),
            wanted: dialogue.wanted(),
            got: Vec::new(),
            got_length: 0,
            hand: if by_hand.is_empty() { String::new() } else { hand::turns(&by_hand, &addr) },
            seconds: 0.0,
            verdict: Verdict::Passed,
            last_words: Vec::new(),
        }
        .with(&said.exchange.got);
        if let Err(fault) = result {
            let (fault, words) = self.with_end(fault, said.exchange.got.is_empty())?;
            self.recover(&fault)?;
            (outcome.verdict, outcome.last_words) = (Verdict::Failed(fault), words);
        }
        Ok(outcome)
    }

    /// Each kind of response has a Date, with the current time.
    pub(super) fn date(&mut self) -> Result<Outcome> {
        const REQUESTS: [(&str, &str); 7] = [
            ("GET /", "GET /{1.1}Connection: close\r\n\r\n"),
            ("HEAD /", "HEAD /{1.1}Connection: close\r\n\r\n"),
            ("POST /", "POST /{1.1}Connection: close\r\nContent-Length: 4\r\n\r\ndate"),
            ("GET /abc", "GET /abc{1.1}Connection: close\r\n\r\n"),
            ("DELETE /", "DELETE /{1.1}Connection: close\r\n\r\n"),
            ("OPTIONS /", "OPTIONS /{1.1}Connection: close\r\n\r\n"),
            ("a bad request", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"),
        ];
        let get = Question::get_list(self.stage, &self.addr());
        let model = self.model.clone().unwrap_or_default();
        let mut exchange = Exchange::default();
        let mut result = Ok(());
        let mut question = get.clone();
        for (name, text) in REQUESTS {
            question.sent = bytes(text, &self.addr(), 0);
            question.method = if name.starts_with("HEAD") { "HEAD" } else { "GET" };
            exchange = self.exchange(&question)?;
            result = match Response::parse(&exchange.got) {
                Ok(response) => self.date_of(name, &response),
                Err(fault) => Err(fault),
            };
            if result.is_err() {
                break;
            }
        }
        // The POST has added a message.
        let _ = self.compare_list(&[])?;
        let verdict = result.map_or_else(Verdict::Failed, |()| Verdict::Passed);
        let mut outcome = self.outcome(&get, &Want::new(&get, &model, None), &exchange, verdict);
        outcome.id = "date";
        outcome.what = "the Date of each kind of response".to_string();
        outcome.sent = question.sent;
        outcome.wanted =
            "Date: the current time, in the form Sun, 06 Nov 1994 08:49:37 GMT".to_string();
        outcome.hand = format!("curl -i {}/; date -u", self.by_hand());
        if let Verdict::Failed(fault) = &outcome.verdict {
            let (fault, words) = self.with_end(fault.clone(), exchange.got.is_empty())?;
            self.recover(&fault)?;
            (outcome.verdict, outcome.last_words) = (Verdict::Failed(fault), words);
        }
        Ok(outcome)
    }

    /// Whether a response has a Date with the current time.
    fn date_of(&self, name: &str, response: &Response) -> Checked<()> {
        let Some(value) = response.field("Date") else {
            let sentence = format!("the response to {name} has no Date");
            return Err(Fault::new("no Date", sentence)
                .because("A server with a clock sends in each response the time at which the response was made.")
                .see("RFC 9110, section 6.6.1"));
        };
        let quoted = crate::show::in_quotes(&value, 60);
        let Some(seconds) = date::parse(&value) else {
            let sentence = format!(
                "the Date of the response to {name} does not have the form of HTTP: {quoted}"
            );
            return Err(Fault::new("other Date", sentence)
                .because("The one form is Sun, 06 Nov 1994 08:49:37 GMT: English names, two digits for the day of the month, and the right day of the week.")
                .see("RFC 9110, section 5.6.7"));
        };
        let away = seconds - date::now();
        let most = if self.is_near() { NEAR } else { FAR };
        if away.abs() > most {
            let sentence = format!("the Date is {quoted}, which is {} s away from now", away.abs());
            return Err(Fault::new("time of Date", sentence)
                .because("A Date is the time at which the response was made, in UTC (GMT), and not in the time zone of the server.")
                .see("RFC 9110, section 6.6.1"));
        }
        Ok(())
    }

    /// Whether the server runs on the machine of the check, and so has the same clock.
    fn is_near(&self) -> bool {
        let is_loopback = |addr: SocketAddr| addr.ip().is_loopback();
        match &self.target {
            Server::Program(_) => true,
            Server::Address(addr) => {
                addr.to_socket_addrs().is_ok_and(|mut addrs| addrs.all(is_loopback))
            }
        }
    }

    /// Runs `work`, which takes about 10 s, and at the same time the other cases that take as long.
    pub(super) fn beside<T>(&mut self, work: impl FnOnce() -> T) -> T {
        if self.stage < 12 || self.options.only.is_some() {
            return work();
        }
        let addr = self.addr();
        let most = IDLE.min(self.whole().saturating_sub(self.start.elapsed()));
        let (found, beside) = thread::scope(|scope| {
            let idle = scope.spawn(|| idle(&addr, most));
            let second = scope.spawn(|| slow_second(&addr, most.min(SLOW_SECOND)));
            let busy = scope.spawn(|| busy(&addr, most.min(BUSY)));
            let found = work();
            (found, idle.join().ok().zip(second.join().ok()).zip(busy.join().ok()))
        });
        self.found_beside = beside.map(|((idle, second), busy)| Beside { idle, second, busy });
        found
    }

    /// A connection on which nothing comes after the first request.
    pub(super) fn idle(&mut self) -> Result<Outcome> {
        let (result, exchange) = match &self.found_beside {
            Some(beside) => beside.idle.clone(),
            None => idle(&self.addr(), IDLE),
        };
        let what = "a connection on which nothing comes after GET /";
        let addr = self.by_hand();
        let (host, port) = addr.rsplit_once(':').unwrap_or((&addr, ""));
        let hand = format!(
            "(printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; sleep 16) | (time nc -q 0 {host} {port})"
        );
        let wanted = "200, and the end of the connection within 15 s; then GET / on another connection is answered";
        self.long("idle-connection", what, wanted, hand, result, &exchange)
    }

    /// A second request that comes a byte a second.
    pub(super) fn slow_second(&mut self) -> Result<Outcome> {
        let (result, exchange) = match &self.found_beside {
            Some(beside) => beside.second.clone(),
            None => slow_second(&self.addr(), SLOW_SECOND),
        };
        let what = "GET /, and then a request, a byte a second";
        let addr = self.by_hand();
        let (host, port) = addr.rsplit_once(':').unwrap_or((&addr, ""));
        let hand = format!(
            "(printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\nGET / HTTP/1.1\\r\\nX-Slow: '; for i in $(seq 20); do printf x; sleep 1; done) | nc {host} {port}"
        );
        let wanted = "200, and 10 s later 408, or the end of the connection";
        self.long("slow-second-request", what, wanted, hand, result, &exchange)
    }

    /// Requests on one connection for longer than one request may take.
    pub(super) fn busy(&mut self) -> Result<Outcome> {
        let (result, exchange) = match &self.found_beside {
            Some(beside) => beside.busy.clone(),
            None => busy(&self.addr(), BUSY),
        };
        let what = "GET / each second on one connection, for 11 s";
        let addr = self.by_hand();
        let (host, port) = addr.rsplit_once(':').unwrap_or((&addr, ""));
        let hand = format!(
            "for i in $(seq 12); do printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; sleep 1; done | nc {host} {port}"
        );
        self.long("busy-connection", what, "200 each time", hand, result, &exchange)
    }

    fn long(
        &mut self,
        id: &'static str,
        what: &str,
        wanted: &str,
        hand: String,
        result: Checked<()>,
        exchange: &Exchange,
    ) -> Result<Outcome> {
        let question = Question::get_list(self.stage, &self.addr());
        let want = Want::new(&question, &Model::default(), None);
        let verdict = result.map_or_else(Verdict::Failed, |()| Verdict::Passed);
        let mut outcome = self.outcome(&question, &want, exchange, verdict);
        (outcome.id, outcome.what) = (id, what.to_string());
        (outcome.wanted, outcome.hand) = (wanted.to_string(), hand);
        outcome.sent = bytes("{get}", &self.addr(), 0);
        if let Verdict::Failed(fault) = &outcome.verdict {
            let (fault, words) = self.with_end(fault.clone(), exchange.got.is_empty())?;
            (outcome.verdict, outcome.last_words) = (Verdict::Failed(fault), words);
        }
        Ok(outcome)
    }
}

/// A connection that has had one response and stays open.
///
/// # Errors
/// There is no such connection.
pub(super) fn kept(addr: &str, close: Duration) -> Checked<Client> {
    let patience = Patience { whole: Duration::from_secs(3), close };
    let gone = |error| Fault::new("gone", format!("nothing listens any more ({error})"));
    let mut client = Client::new(connect(addr, patience.whole).map_err(gone)?, patience);
    client.send(&bytes("{get}", addr, 0));
    let response = client.response(false)?;
    if has_option(&response, "close") {
        let sentence = "the response says Connection: close, and the request does not ask for it";
        return Err(Fault::new("says-close", sentence).see("RFC 9112, section 9.3"));
    }
    Ok(client)
}

/// Measures how long a connection stays open on which nothing comes, at most `most`.
fn idle(addr: &str, most: Duration) -> (Checked<()>, Exchange) {
    let mut exchange = Exchange::default();
    let mut client = match kept(addr, most) {
        Ok(client) => client,
        Err(fault) => return (Err(fault), exchange),
    };
    let answered = client.got.len();
    let start = Instant::now();
    let ended = client.ends("the response");
    let took = start.elapsed();
    exchange.got = client.got;
    exchange.took = took;
    let because = "Each open connection takes memory and one of the connections that the server allows. If nothing comes for some seconds, the server closes it, and a client opens another when it needs one.";
    let result = match ended {
        // 408 may say why the connection ends (RFC 9110, section 15.5.9).
        Err(fault) if fault.kind == "goes-on" => {
            match Response::parse(&exchange.got[answered..]).map(|response| response.status) {
                Ok(408) => Ok(()),
                _ => Err(fault),
            }
        }
        Err(fault) if fault.kind == "stays-open" => {
            let sentence =
                format!("nothing came for {:.0} s, and the connection is open", took.as_secs_f32());
            Err(Fault::new("never-idle", sentence).because(because).see("RFC 9112, section 9.5"))
        }
        other => other,
    };
    let result = result.and_then(|()| {
        if took < SHORTEST_IDLE {
            let sentence = format!(
                "the server closed {:.1} s after its response; a person needs some seconds to type the next request",
                took.as_secs_f32()
            );
            return Err(Fault::new("too-early", sentence).because(because).see("RFC 9112, section 9.5"));
        }
        // Another connection is served.
        let question = Question::get_list(12, addr);
        let patience = Patience { whole: Duration::from_secs(3), close: CLOSE[0] };
        let after = crate::connection::exchange(addr, &question, patience);
        match lenient_list(&after.got) {
            Some(_) => Ok(()),
            None => {
                let sentence = "after the end of the idle connection GET / is not answered";
                Err(Fault::new("gone-with-idle", sentence).because(because))
            }
        }
    });
    (result, exchange)
}

fn slow_second(addr: &str, most: Duration) -> (Checked<()>, Exchange) {
    let mut client = match kept(addr, CLOSE[0]) {
        Ok(client) => client,
        Err(fault) => return (Err(fault), Exchange::default()),
    };
    client.send(format!("GET / HTTP/1.1\r\nHost: {addr}\r\nX-Slow: ").as_bytes());
    let mut exchange = together::drip(client.stream(), most);
    let because = "Each request has 10 s, not only the first one of a connection. Set the deadline anew when the first byte of a request comes.";
    let see = "RFC 9110, section 15.5.9";
    let seconds = exchange.took.as_secs_f32();
    let result = match &exchange.end {
        End::TimedOut => {
            let sentence = format!(
                "{seconds:.0} s after the second request began, the server still waits for the rest of it"
            );
            Err(Fault::new("slow-second", sentence).because(because).see(see))
        }
        _ if exchange.took < Duration::from_secs(5) => {
            let sentence = format!(
                "the connection ended {seconds:.1} s after the second request began; a request has 10 s"
            );
            Err(Fault::new("too-early", sentence).because(because).see(see))
        }
        _ if exchange.got.is_empty() => Ok(()),
        _ => Response::parse(&exchange.got).and_then(|response| match response.status {
            408 => Ok(()),
            status => {
                Err(Fault::new("not-408", format!("the status is {status}, not 408")).see(see))
            }
        }),
    };
    exchange.got = [client.got, exchange.got].concat();
    (result, exchange)
}

/// Asks each second, until `most` is over.
fn busy(addr: &str, most: Duration) -> (Checked<()>, Exchange) {
    let start = Instant::now();
    let mut client = match kept(addr, CLOSE[0]) {
        Ok(client) => client,
        Err(fault) => return (Err(fault), Exchange::default()),
    };
    let mut result = Ok(());
    while start.elapsed() < most && result.is_ok() {
        thread::sleep(Duration::from_secs(1));
        client.send(&bytes("{get}", addr, 0));
        result = match client.response(false) {
            Ok(response) if response.status != 200 => {
                let sentence = format!(
                    "{:.0} s after the first request GET / is answered {}",
                    start.elapsed().as_secs_f32(),
                    response.status
                );
                Err(Fault::new("busy", sentence))
            }
            // A server may end a connection at any time, if it says so.
            Ok(response) if has_option(&response, "close") => break,
            Ok(_) => Ok(()),
            Err(fault) => Err(Fault { kind: "busy".to_string(), ..fault }),
        };
    }
    let exchange = Exchange { got: client.got, took: start.elapsed(), ..Exchange::default() };
    let because = "The time limit for an idle connection begins anew after each response, and each request has a deadline of its own. A connection that is used stays open.";
    (result.map_err(|fault| fault.because(because).see("RFC 9112, section 9.5")), exchange)
}
