//! The HTTP client of the class: it talks to the server of stage 13 as the contract says. The students' ends and the
//! board use it.

use replay::Lang;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;

/// How long an answer may take. A laptop that has slept has connections on which nothing comes.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection without a request is kept: the server closes it after 4 s.
const IDLE: Duration = Duration::from_secs(3);

/// The longest list that is read, in bytes. The server's own limit is 512 KiB.
const LIST_BYTES: u64 = 2 << 20;

/// Why there is no answer that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No answer: the reason.
    Silent(String),
    /// An answer that the server of stage 13 does not give: the request and what came.
    Other(String),
    /// The list has no room for more.
    Full,
}

impl Trouble {
    /// It in a sentence about the server at `addr`, for a student.
    pub fn sentence(&self, addr: &str, lang: Lang) -> String {
        match (self, lang) {
            (Trouble::Silent(reason), Lang::En) => format!(
                "the class's board at {addr} does not answer: {reason}; the check goes on without it, and the results \
                 are sent as soon as it answers"
            ),
            (Trouble::Silent(reason), Lang::Ko) => format!(
                "{addr}에 있는 수업 보드가 응답하지 않습니다: {reason}. 검사는 계속되고, 보드가 응답하면 결과를 바로 보냅니다"
            ),
            (Trouble::Other(answer), Lang::En) => format!(
                "what answers at {addr} is not the board of a class ({answer}); look at the address that the board shows"
            ),
            (Trouble::Other(answer), Lang::Ko) => format!(
                "{addr}에서 응답하는 것은 수업 보드가 아닙니다({answer}). 보드에 표시된 주소를 확인하세요"
            ),
            (Trouble::Full, Lang::En) => format!(
                "the list of the class's server at {addr} is full; ask the teacher to end the board and to start it again"
            ),
            (Trouble::Full, Lang::Ko) => format!(
                "{addr}에 있는 수업 서버의 목록이 가득 찼습니다. 선생님께 보드를 끝내고 다시 시작해 달라고 하세요"
            ),
        }
    }
}

/// A client of the server at one address. It keeps its connection for the next request.
pub struct Client {
    agent: Agent,
    addr: String,
}

impl Client {
    /// A client of the server at `addr` (HOST:PORT). It connects with its first request.
    pub fn new(addr: &str) -> Client {
        // The server is on the network of the class, so the proxy of the school is not asked.
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .max_idle_age(IDLE);
        Client { agent: Agent::new_with_config(config.build()), addr: addr.to_string() }
    }

    /// All messages.
    ///
    /// # Errors
    /// No answer, or one that is no list.
    pub fn list(&self) -> Result<Vec<String>, Trouble> {
        let (status, body) = self.read(self.agent.get(self.url("/")).call())?;
        let list = serde_json::from_str(&body).ok().filter(|_| status == 200);
        list.ok_or_else(|| Trouble::Other(format!("GET / → {status}")))
    }

    /// The message at `index`, if there is one.
    ///
    /// # Errors
    /// No answer, or another status than 200 and 404.
    pub fn get(&self, index: usize) -> Result<Option<String>, Trouble> {
        match self.read(self.agent.get(self.url(&format!("/{index}"))).call())? {
            (200, body) => Ok(Some(body)),
            (404, _) => Ok(None),
            (status, _) => Err(Trouble::Other(format!("GET /{index} → {status}"))),
        }
    }

    /// Puts `text` in place of the message at `index`. Returns whether there is such a message.
    ///
    /// # Errors
    /// No answer, another status than 200 and 404, or a list without room.
    pub fn put(&self, index: usize, text: &str) -> Result<bool, Trouble> {
        match self.read(self.agent.put(self.url(&format!("/{index}"))).send(text))?.0 {
            200 => Ok(true),
            404 => Ok(false),
            507 => Err(Trouble::Full),
            status => Err(Trouble::Other(format!("PUT /{index} → {status}"))),
        }
    }

    /// Adds `text` to the list, and returns its index.
    ///
    /// # Errors
    /// No answer, another status than 201, or a list without room.
    pub fn post(&self, text: &str) -> Result<usize, Trouble> {
        let answer = self.agent.post(self.url("/")).send(text);
        let location = answer.as_ref().ok().and_then(|answer| {
            let location = answer.headers().get("Location")?.to_str().ok()?;
            location.strip_prefix('/')?.parse().ok()
        });
        match (self.read(answer)?.0, location) {
            (201, Some(index)) => Ok(index),
            (507, _) => Err(Trouble::Full),
            (status, _) => Err(Trouble::Other(format!("POST / → {status}"))),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The status and the body of an answer.
    fn read(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, String), Trouble> {
        let read = answer.and_then(|mut answer| {
            let body = answer.body_mut().with_config().limit(LIST_BYTES).read_to_string()?;
            Ok((answer.status().as_u16(), body))
        });
        match read {
            Ok((503, _)) => Err(Trouble::Silent("503 Service Unavailable".to_string())),
            Ok(answer) => Ok(answer),
            Err(ureq::Error::Io(error)) => Err(Trouble::Silent(error.to_string())),
            Err(ureq::Error::Timeout(_)) => {
                Err(Trouble::Silent(format!("no answer within {} s", TIMEOUT.as_secs())))
            }
            Err(error) => Err(Trouble::Silent(error.to_string())),
        }
    }
}
