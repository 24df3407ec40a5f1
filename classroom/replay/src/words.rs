//! The language of a replay. The words of the lesson and of the replay are in English or in Korean; what the
//! programs print is in English.

use anyhow::{Result, bail};
use std::env;

/// The language of a lesson.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lang {
    /// English.
    En,
    /// Korean.
    Ko,
}

impl Lang {
    /// The language called `name`, which is `en` or `ko`; the system's language if there is no name.
    ///
    /// # Errors
    /// Another name.
    pub fn named(name: Option<&str>) -> Result<Lang> {
        match name {
            Some("en") => Ok(Lang::En),
            Some("ko") => Ok(Lang::Ko),
            Some(name) => bail!("{name:?} is not a language of the lessons; choose en or ko"),
            None => Ok(Lang::of_locale(|variable| env::var(variable).ok())),
        }
    }

    /// The language of the locale. As in POSIX, the first variable that is set and not empty decides.
    fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Lang {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()))
            .unwrap_or_default();
        // The letters up to the territory or the encoding: ko_KR.UTF-8 is Korean, kok_IN is Konkani.
        match locale.split(|letter: char| !letter.is_ascii_alphabetic()).next() {
            Some("ko" | "korean") => Lang::Ko,
            _ => Lang::En,
        }
    }

    /// The text in this language, or the English text if there is no other.
    pub fn choose<'a>(self, en: &'a str, ko: Option<&'a str>) -> &'a str {
        match self {
            Lang::En => en,
            Lang::Ko => ko.unwrap_or(en),
        }
    }

    fn pick(self, en: &'static str, ko: &'static str) -> &'static str {
        self.choose(en, Some(ko))
    }

    /// The word before the title.
    pub fn lesson(self) -> &'static str {
        self.pick("Lesson", "수업")
    }

    /// The head of the left column.
    pub fn client(self) -> &'static str {
        self.pick("client", "클라이언트")
    }

    /// The head of the right column.
    pub fn server(self) -> &'static str {
        self.pick("server", "서버")
    }

    /// What is done to the server: it is started again.
    pub fn restart(self) -> &'static str {
        self.pick("restart", "다시 시작")
    }

    /// What is done to the server: it is asked to end.
    pub fn stop(self) -> &'static str {
        self.pick("stop (SIGTERM)", "종료 요청(SIGTERM)")
    }

    /// Which server prints what follows.
    pub fn of_server(self, number: usize) -> String {
        format!("{} {number}", self.server())
    }

    /// What is done to a server: it is started, for the first time or again.
    pub fn start(self, number: usize) -> String {
        match self {
            Lang::En => format!("start server {number}"),
            Lang::Ko => format!("서버 {number} 시작"),
        }
    }

    /// What is done to a server: it is killed.
    pub fn kill(self, number: usize) -> String {
        match self {
            Lang::En => format!("kill server {number} (SIGKILL)"),
            Lang::Ko => format!("서버 {number} 강제 종료(SIGKILL)"),
        }
    }

    /// To which server the client below connects.
    pub fn client_of(self, number: usize) -> String {
        match self {
            Lang::En => format!("client of server {number}"),
            Lang::Ko => format!("서버 {number}의 클라이언트"),
        }
    }

    /// Shown where the system cannot ask a program to end.
    pub fn no_sigterm(self) -> &'static str {
        self.pick(
            "Windows has no SIGTERM: the server is killed",
            "Windows에는 SIGTERM이 없어서 서버를 강제로 끝냅니다",
        )
    }

    /// Shown when the client has ended.
    pub fn client_ends(self) -> &'static str {
        self.pick("the client ends", "클라이언트가 끝났습니다")
    }

    /// Shown when the server has ended after `! stop`; its status follows.
    pub fn server_ends(self) -> &'static str {
        self.pick("the server ends", "서버가 끝났습니다")
    }

    /// Shown when a command in the background has ended; the command follows.
    pub fn command_ends(self) -> &'static str {
        self.pick("the command ends", "명령이 끝났습니다")
    }

    /// Shown when the server has logged the same lines for this many connections more.
    pub fn the_same_from(self, more: usize) -> String {
        let connections = if more == 1 { "connection" } else { "connections" };
        match self {
            Lang::En => format!("the same on {more} more {connections}"),
            Lang::Ko => format!("다른 연결 {more}개도 위와 같습니다"),
        }
    }

    /// Shown in place of lines that the server has logged for the connection above, too.
    pub fn rest_as_above(self) -> &'static str {
        self.pick("the rest as above", "나머지는 위와 같습니다")
    }

    /// Shown where the replay waits.
    pub fn go_on(self) -> &'static str {
        self.pick("Enter: go on", "Enter: 계속")
    }

    /// Before the command that starts the server.
    pub fn server_by_hand(self) -> &'static str {
        self.pick("the server by hand:", "서버를 직접 실행:")
    }

    /// Before the command that starts the client.
    pub fn client_by_hand(self) -> &'static str {
        self.pick("the client by hand:", "클라이언트를 직접 실행:")
    }

    /// Before the place of the explanation.
    pub fn explanation(self) -> &'static str {
        self.pick("the explanation:", "설명:")
    }

    /// The place of the explanation; the title of the section follows.
    pub fn notes(self) -> &'static str {
        self.pick("NOTES.md, section", "NOTES.ko.md,")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_not_empty_decides() {
        for (all, messages, lang, expected) in [
            ("", "", "", Lang::En),
            ("", "", "ko_KR.UTF-8", Lang::Ko),
            ("", "", "ko", Lang::Ko),
            ("", "ko_KR", "en_US.UTF-8", Lang::Ko),
            ("", "C", "ko_KR.UTF-8", Lang::En),
            ("C.UTF-8", "ko_KR.UTF-8", "ko_KR.UTF-8", Lang::En),
            ("ko_KR.eucKR", "C", "C", Lang::Ko),
            ("", "", "kok_IN.UTF-8", Lang::En),
            ("", "", "en_KO", Lang::En),
        ] {
            let found = Lang::of_locale(|name| {
                Some(match name {
                    "LC_ALL" => all.to_string(),
                    "LC_MESSAGES" => messages.to_string(),
                    _ => lang.to_string(),
                })
            });
            assert_eq!(found, expected, "{all:?} {messages:?} {lang:?}");
        }
        assert_eq!(Lang::of_locale(|_| None), Lang::En);
    }

    #[test]
    fn a_name_goes_before_the_locale() {
        assert_eq!(Lang::named(Some("ko")).unwrap(), Lang::Ko);
        assert_eq!(Lang::named(Some("en")).unwrap(), Lang::En);
        assert!(Lang::named(Some("fr")).is_err());
    }
}
