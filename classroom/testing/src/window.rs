//! A user of a window: a test clicks and types into the stage's real widgets, and reads what is
//! drawn.
//!
//! Each stage has a window type of its own. [`window!`](crate::window!) includes it in the test.
//! What is drawn is a list of shapes: the tests measure in it how large a text is, and its
//! contrast.

use crate::process::until;
use crate::{Stage, servers};
use anyhow::{Context as _, Result, ensure};
use eframe::egui::accesskit::Role;
use eframe::egui::{
    Color32, Context, Key, Modifiers, Pos2, Rect, Rgba, Shape, Theme, ThemePreference, Ui, Vec2,
};
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, HarnessBuilder};
use egui_system_font_provider::SystemFontProvider;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Includes the stage's own window in its test: the modules `client`, `http` and `window`, the stage
/// as `STAGE`, and its window as `WINDOW`.
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
            set_style: window::set_style,
            min_size: window::MIN_SIZE,
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
    /// Sets the size of text, before the first frame.
    pub set_style: fn(&Context),
    /// The smallest width and height, in points.
    pub min_size: [f32; 2],
}

/// How large text is at least, in points.
const MIN_TEXT_SIZE: f32 = 18.0;

/// How much lighter text is than what lies behind it, or darker (WCAG 2.2, success criterion
/// 1.4.3).
const MIN_CONTRAST: f32 = 4.5;

/// A drawn text.
pub struct Text {
    /// The characters.
    pub text: String,
    /// The colour of the characters.
    pub colour: Color32,
    /// The size in points.
    size: f32,
    background: Color32,
}

impl Text {
    /// Its contrast, from 1 (it cannot be seen) to 21 (black on white).
    fn contrast(&self) -> f32 {
        let luminance = |colour: Color32| {
            let linear = Rgba::from(colour);
            0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b() + 0.05
        };
        let (text, background) = (luminance(self.colour), luminance(self.background));
        text.max(background) / text.min(background)
    }

    /// Whether it has the colour of the replay's client.
    pub fn is_green(&self) -> bool {
        self.colour.g() > self.colour.r().max(self.colour.b())
    }

    /// Whether it has the colour of the replay's server.
    pub fn is_magenta(&self) -> bool {
        self.colour.r().min(self.colour.b()) > self.colour.g()
    }
}

/// Adds the texts in `shape` to `texts`, and its filled rectangles to `fills`, in the order of
/// drawing.
fn read_shape(shape: &Shape, fills: &mut Vec<(Rect, Color32)>, texts: &mut Vec<Text>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| read_shape(shape, fills, texts)),
        Shape::Rect(rect) if rect.fill.is_opaque() => fills.push((rect.rect, rect.fill)),
        Shape::Text(shape) => {
            let middle: Pos2 = shape.galley.rect.translate(shape.pos.to_vec2()).center();
            let behind = fills.iter().rev().find(|(rect, _)| rect.contains(middle));
            let background = behind.map_or(Color32::TRANSPARENT, |(_, fill)| *fill);
            for section in &shape.galley.job.sections {
                let own = section.format.color;
                let own = if own == Color32::PLACEHOLDER { shape.fallback_color } else { own };
                texts.push(Text {
                    text: shape.galley.text().to_string(),
                    colour: shape.override_text_color.unwrap_or(own),
                    size: section.format.font_id.size,
                    background,
                });
            }
        }
        _ => {}
    }
}

/// A window, and the person who uses it.
pub struct Person<W> {
    window: Harness<'static, W>,
}

impl<W: 'static> Person<W> {
    /// The text in the field `name`; `None` if there is no such field.
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

    /// Presses Enter. Draws two frames, as for a click.
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

    /// All texts as they are drawn.
    pub fn texts(&self) -> Vec<Text> {
        let mut fills = vec![(Rect::EVERYTHING, self.window.ctx.global_style().visuals.panel_fill)];
        let mut texts = Vec::new();
        for clipped in &self.window.output().shapes {
            read_shape(&clipped.shape, &mut fills, &mut texts);
        }
        texts
    }

    /// The first drawn text that begins with `start`.
    pub fn text(&self, start: &str) -> Result<Text> {
        let mut texts = self.texts().into_iter();
        texts.find(|text| text.text.starts_with(start)).with_context(|| format!("{start:?}?"))
    }

    /// Changes the system's theme.
    pub fn sets_theme(&mut self, theme: Theme) {
        self.window.input_mut().system_theme = Some(theme);
        self.window.run();
    }

    /// Makes the window larger or smaller.
    pub fn resizes(&mut self, size: impl Into<Vec2>) {
        self.window.set_size(size.into());
        self.window.run();
    }

    /// Presses Ctrl and a key, or ⌘ and a key on macOS.
    pub fn presses_ctrl(&mut self, key: Key) {
        self.window.key_press_modifiers(Modifiers::COMMAND, key);
        self.window.run();
    }

    /// Where the widget with this role and name is, in points.
    fn place(&self, role: Role, name: &str) -> Rect {
        self.window.get_by_role_and_label(role, name).rect()
    }

    /// Fails unless the window shows the whole button Send.
    fn sees_all_of_send(&self) -> Result<()> {
        let (window, button) = (self.window.ctx.content_rect(), self.place(Role::Button, "Send"));
        ensure!(window.contains_rect(button), "Send is at {button}, the window is {window}");
        Ok(())
    }

    /// Fails unless all text can be read from afar, in the light theme and in the dark one.
    fn can_read_all(&mut self) -> Result<()> {
        for theme in [Theme::Light, Theme::Dark] {
            self.sets_theme(theme);
            ensure!(self.window.ctx.theme() == theme, "it does not follow the system to {theme:?}");
            for text in self.texts() {
                let (shown, size, contrast) = (&text.text, text.size, text.contrast());
                ensure!(size >= MIN_TEXT_SIZE, "{shown:?} has {size} points");
                ensure!(contrast >= MIN_CONTRAST, "{theme:?}: {shown:?} has contrast {contrast}");
            }
        }
        Ok(())
    }

    /// Draws frames until the server has answered, or the window shows an error.
    pub fn waits_for_the_answer(&mut self) -> Result<()> {
        until("the answer", || {
            self.window.step();
            Ok((!self.sees("Sending…")).then_some(()))
        })?;
        self.window.run();
        Ok(())
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
    /// Opens the window on the server at `addr`. A character that no font of the system has makes
    /// the test fail.
    pub fn open(&self, addr: &str) -> Person<W> {
        let fonts = Arc::new(SystemFontProvider::new());
        let builder =
            Harness::builder().with_context_setup(|context| context.add_font_provider(fonts));
        self.open_in(builder, addr)
    }

    fn open_in(&self, builder: HarnessBuilder<W>, addr: &str) -> Person<W> {
        let draw = self.draw;
        let mut window = builder
            .with_size([720.0, 640.0])
            .build_ui_state(move |ui, window: &mut W| draw(window, ui), (self.new)(addr));
        // The test harness sets a theme of its own, in place of the system's.
        window.ctx.set_theme(ThemePreference::System);
        (self.set_style)(&window.ctx);
        window.run();
        Person { window }
    }

    /// A class can read all that is drawn: labels, the request, the response, and an error. The
    /// theme is the system's, and the light one where the system does not tell its own.
    pub fn can_be_read_by_a_class(&self) -> Result<()> {
        let context = Context::default();
        (self.set_style)(&context);
        assert_eq!(context.options(|options| options.theme_preference), ThemePreference::System);
        assert_eq!(context.theme(), Theme::Light);
        let server = self.stage.server()?;
        let mut person = self.open(server.addr());
        assert!(person.sees("Ctrl (⌘ on macOS) and + enlarge"));
        person.sends("hello");
        person.waits_for_the_answer()?;
        // A disabled button is faint. With a text in the field, Send is enabled.
        person.types("Text", "next");
        person.can_read_all()?;
        drop(server);
        person.clicks("Send");
        person.waits_for("nothing answers at 127.0.0.1")?;
        person.can_read_all()
    }

    /// The button Send can be seen in the smallest window, also if its text is enlarged, and the
    /// fields grow with the window.
    pub fn can_be_small_and_large(&self) -> Result<()> {
        let mut person = self.open("127.0.0.1:1");
        person.resizes(self.min_size);
        person.sees_all_of_send()?;
        let narrow = person.place(Role::TextInput, "Text").width();
        assert!(narrow > 200.0, "{narrow}");
        person.presses_ctrl(Key::Plus);
        person.presses_ctrl(Key::Plus);
        assert_eq!(person.window.ctx.zoom_factor(), 1.2);
        person.sees_all_of_send()?;
        person.presses_ctrl(Key::Minus);
        assert_eq!(person.window.ctx.zoom_factor(), 1.1);
        person.presses_ctrl(Key::Num0);
        assert_eq!(person.window.ctx.zoom_factor(), 1.0);
        person.resizes([1280.0, 800.0]);
        person.sees_all_of_send()?;
        let wide = person.place(Role::TextInput, "Text").width();
        assert_eq!(wide - narrow, 1280.0 - self.min_size[0]);
        Ok(())
    }

    /// A server cannot stop the window with millions of characters, and its control characters are
    /// shown as escapes. What the server replies with is `status` and `body`, also to the request
    /// for the list that may follow.
    pub fn shows_a_part_of(&self, status: u16, body: &str) -> Result<Person<W>> {
        let length = body.len();
        let reply = format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\n\r\n{body}");
        let addr = servers::server_with_replies(&[reply.as_bytes(), reply.as_bytes()])?;
        let mut person = self.open(&addr);
        person.sends("hello");
        person.waits_for_the_answer()?;
        let labels = person.window.query_all_by_label_contains("");
        let texts: Vec<String> =
            labels.filter_map(|label| label.accesskit_node().value()).collect();
        let laid_out: usize = texts.iter().map(|text| text.chars().count()).sum();
        ensure!((4_000..50_000).contains(&laid_out), "{laid_out} characters are laid out");
        ensure!(!texts.iter().any(|text| text.contains(['\u{1b}', '\u{7}'])), "raw characters");
        Ok(person)
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

    /// While a server does not answer, the window is drawn and takes what is typed; after some
    /// seconds it says so. If the window itself waited for the server, its first frame would come
    /// after those seconds.
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

    /// On a system without a Korean font, the window says how to install one as soon as one is
    /// needed.
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
