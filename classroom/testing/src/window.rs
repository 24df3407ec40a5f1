//! A user of a window: the stage's real widgets, clicked and typed into by a test, and what is drawn.
//!
//! Each stage has a window type of its own. [`window!`](crate::window!) takes it into the test.

use crate::process::until;
use crate::{Stage, servers, ureq};
use anyhow::{Result, ensure};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Ui};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, HarnessBuilder};
use egui_system_font_provider::SystemFontProvider;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes the stage's own window into its test: the modules `client`, `http` and `window`, the stage as
/// `STAGE`, and its window as `WINDOW`.
#[macro_export]
macro_rules! window {
    () => {
        #[allow(dead_code)]
        #[path = "../src/client.rs"]
        mod client;
        #[allow(dead_code)]
        #[path = "../src/http.rs"]
        mod http;
        #[allow(dead_code)]
        #[path = "../src/window.rs"]
        mod window;

        const STAGE: $crate::Stage = $crate::stage!();

        const WINDOW: $crate::window::WindowOf<window::Window> = $crate::window::WindowOf {
            stage: STAGE,
            new: window::Window::new,
            draw: window::Window::draw,
        };
    };
}

/// The window of a stage, and the tests that many windows have.
pub struct WindowOf<W> {
    /// The stage.
    pub stage: Stage,
    /// Makes a window for the server at an address.
    pub new: fn(&str) -> W,
    /// Draws a frame.
    pub draw: fn(&mut W, &mut Ui),
}

/// A window, and the person who uses it.
pub struct Person<W> {
    window: Harness<'static, W>,
}

impl<W: 'static> Person<W> {
    /// What stands in the field `name`; `None` if there is no such field.
    pub fn value(&self, name: &str) -> Option<String> {
        self.window.query_by_role_and_label(Role::TextInput, name)?.value()
    }

    /// Whether what is typed goes into the field `name`.
    pub fn is_in(&self, name: &str) -> bool {
        let field = self.window.query_by_role_and_label(Role::TextInput, name);
        field.is_some_and(|field| field.is_focused())
    }

    /// Clicks into a field and types.
    pub fn types(&mut self, name: &str, text: &str) {
        let field = self.window.get_by_role_and_label(Role::TextInput, name);
        field.focus();
        field.type_text(text);
        self.window.run();
    }

    /// Clicks a radio button.
    pub fn chooses(&mut self, method: &str) {
        self.window.get_by_role_and_label(Role::RadioButton, method).click();
        self.window.run();
    }

    /// Clicks a button. Draws two frames: the click, and what it has begun.
    pub fn clicks(&mut self, button: &str) {
        self.window.get_by_role_and_label(Role::Button, button).click();
        self.window.step();
        self.window.step();
    }

    /// Presses Enter, and draws as many frames.
    pub fn presses_enter(&mut self) {
        self.window.key_press(Key::Enter);
        self.window.step();
        self.window.step();
    }

    /// Types a message and presses Enter.
    pub fn sends(&mut self, text: &str) {
        self.types("Text", text);
        self.presses_enter();
    }

    /// Whether `text` is drawn somewhere.
    pub fn sees(&self, text: &str) -> bool {
        self.window.query_all_by_label_contains(text).next().is_some()
    }

    /// Whether the button can be clicked.
    pub fn can_click(&self, button: &str) -> bool {
        let button = self.window.query_by_role_and_label(Role::Button, button);
        button.is_some_and(|button| !button.accesskit_node().is_disabled())
    }

    /// Draws frames until `text` is there.
    pub fn waits_for(&mut self, text: &str) -> Result<()> {
        until(text, || {
            self.window.step();
            Ok(self.sees(text).then_some(()))
        })?;
        self.window.run();
        Ok(())
    }
}

impl<W: 'static> WindowOf<W> {
    /// Opens the window on the server at `addr`. A character that no font of the system has makes the test
    /// fail.
    pub fn open(&self, addr: &str) -> Person<W> {
        let fonts = Arc::new(SystemFontProvider::new());
        let builder =
            Harness::builder().with_context_setup(|context| context.add_font_provider(fonts));
        self.open_in(builder, addr)
    }

    fn open_in(&self, builder: HarnessBuilder<W>, addr: &str) -> Person<W> {
        let draw = self.draw;
        let mut window = builder
            .with_size([560.0, 480.0])
            .build_ui_state(move |ui, window: &mut W| draw(window, ui), (self.new)(addr));
        window.run();
        Person { window }
    }

    /// The window says that a server does not speak HTTP, and keeps the text.
    pub fn keeps_the_text_without_http(&self) -> Result<()> {
        let addr = servers::server_that_replies(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")?;
        let mut person = self.open(&addr);
        person.sends("hello");
        person.waits_for("\"SSH-2.0-OpenSSH_9.9\" is not a status line of HTTP")?;
        assert_eq!(person.value("Text").as_deref(), Some("hello"));
        Ok(())
    }

    /// While a server does not answer, the window is drawn and takes what is typed; after some seconds it
    /// says so. If the window itself waited for the server, its first frame would come after those seconds.
    pub fn can_be_used_while_it_waits(&self) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut person = self.open(&listener.local_addr()?.to_string());
        person.types("Text", "hello");
        let start = Instant::now();
        person.clicks("Send");
        assert!(person.sees("Sending…") && !person.can_click("Sending…"));
        person.types("Text", ", again");
        assert!(person.sees("Sending…"));
        person.waits_for("the server did not answer in time")?;
        ensure!(start.elapsed() > Duration::from_secs(4), "it waited only {:?}", start.elapsed());
        assert_eq!(person.value("Text").as_deref(), Some("hello, again"));
        assert!(person.can_click("Send"));
        Ok(())
    }

    /// The button Refresh shows what another client has written, and the list stays when the server is gone.
    pub fn refreshes(&self) -> Result<()> {
        let server = self.stage.server()?;
        let mut person = self.open(server.addr());
        ureq::post(format!("http://{}/", server.addr())).send("from elsewhere")?;
        assert!(!person.sees("from elsewhere"));
        person.clicks("Refresh");
        person.waits_for("0: from elsewhere")?;
        drop(server);
        person.clicks("Refresh");
        person.waits_for("nothing answers at 127.0.0.1")?;
        assert!(person.sees("0: from elsewhere"), "nothing is lost");
        Ok(())
    }

    /// On a system without a Korean font, the window says how to install one as soon as one is needed.
    pub fn says_that_a_font_is_missing(&self) -> Result<()> {
        let builder = Harness::builder().allow_missing_glyphs();
        let mut person = self.open_in(builder, "127.0.0.1:1");
        person.types("Text", "hello");
        assert!(!person.sees("fonts-nanum"));
        person.types("Text", ", 안녕");
        assert!(person.sees("sudo apt install fonts-nanum"));
        Ok(())
    }
}
