//! `<Stream>` and its `<Parameter>`s: a media socket, and what it is told at its start.

use super::Method;
use crate::{
    Invalid, Link, link,
    xml::{Element, is_xml},
};

/// Where the carrier opens a media socket. Inside [`Connect`](super::Connect) audio flows both
/// ways; inside [`Start`](super::Start) the carrier only sends.
#[derive(Clone, Debug)]
pub struct Stream {
    pub(crate) element: Element,
}

impl Stream {
    /// Characters that a parameter's name and value may have together.
    pub const MAX_PARAMETER_CHARACTERS: usize = 499;

    /// The socket's address: relative, `wss://`, or `ws://` for use on one machine. A query string
    /// is refused, because the carrier drops it before it connects: what it would have carried
    /// belongs into [`parameter`](Self::parameter).
    pub fn to(url: impl AsRef<str>) -> Result<Self, Invalid> {
        let url = url.as_ref();
        check_address(url)?;
        let mut element = Element::new("Stream");
        element.set("url", url);
        Ok(Self { element })
    }

    /// Handed to the socket in its `start` message. Name and value together must be under 500
    /// characters, and a name is given once.
    pub fn parameter(
        mut self,
        name: impl AsRef<str>,
        value: impl AsRef<str>,
    ) -> Result<Self, Invalid> {
        let (name, value) = (name.as_ref(), value.as_ref());
        let (max, given) =
            (Self::MAX_PARAMETER_CHARACTERS, name.chars().count() + value.chars().count());
        if given > max {
            let what = "name and value together";
            let element = "Parameter";
            return Err(Invalid::TooLong { element, what, max, given, unit: "characters" });
        }
        self.element.push(parameter(&self.element, name, value)?);
        Ok(self)
    }

    /// Where the carrier tells that the stream started, stopped or failed. Must be absolute.
    pub fn status_callback(mut self, to: impl Into<Link>) -> Result<Self, Invalid> {
        let to = to.into();
        if !to.is_absolute() {
            return Err(Invalid::Relative { element: "Stream", attribute: "statusCallback" });
        }
        self.element.set("statusCallback", to);
        Ok(self)
    }
}

attributes! {
    impl Stream {
        /// A name, unique in the call, by which the stream can be stopped: 1 to 255 characters.
        text name(255) => "name";
        /// How the callback is sent, POST unless set.
        set status_callback_method(Method) => "statusCallbackMethod";
    }
}

/// A `<Parameter>` that may be added to `parent`. Characters that XML cannot carry are refused
/// here, not left out: a token that lost one would be wrong without a trace.
pub(super) fn parameter(parent: &Element, name: &str, value: &str) -> Result<Element, Invalid> {
    const ELEMENT: &str = "Parameter";
    if name.is_empty() {
        return Err(Invalid::Empty { element: ELEMENT, what: "name" });
    }
    if !name.chars().chain(value.chars()).all(is_xml) {
        let allowed = "characters that XML can carry";
        return Err(Invalid::Characters { element: ELEMENT, what: "name and value", allowed });
    }
    if parent.children().any(|child| child.attribute("name") == Some(name)) {
        return Err(Invalid::Twice { element: parent.name(), what: "a parameter of that name" });
    }
    let mut element = Element::new(ELEMENT);
    element.set("name", name);
    element.set("value", value);
    Ok(element)
}

fn check_address(url: &str) -> Result<(), Invalid> {
    const ELEMENT: &str = "Stream";
    if url.is_empty() {
        return Err(Invalid::Empty { element: ELEMENT, what: "url" });
    }
    if url.chars().any(|character| character.is_control() || character.is_whitespace()) {
        let allowed = "characters other than white space and controls";
        return Err(Invalid::Characters { element: ELEMENT, what: "url", allowed });
    }
    if url.contains('?') {
        return Err(Invalid::StreamQuery);
    }
    if url.contains('#') {
        return Err(Invalid::StreamFragment);
    }
    // A colon before any slash ends a scheme; a later one is part of a path.
    let first = url.split('/').next().unwrap_or_default();
    if !first.contains(':') {
        return Ok(());
    }
    let rest = ["wss://", "ws://"].iter().find_map(|scheme| {
        let start = url.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
    });
    let rest = rest.ok_or(Invalid::StreamScheme)?;
    let host = link::authority(rest);
    if host.is_empty() || host.starts_with(':') { Err(Invalid::StreamHost) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_and_socket_addresses_are_taken() {
        for url in [
            "/media",
            "media",
            "wss://voice.example/media",
            "WSS://voice.example",
            "ws://127.0.0.1:8000/media",
            "wss://[::1]:8443/a:b",
            "//voice.example/media",
        ] {
            assert!(Stream::to(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn addresses_that_would_fail_later_are_refused_now() {
        let refused = |url: &str| Stream::to(url).expect_err(url);
        assert_eq!(refused("wss://voice.example/media?call=1"), Invalid::StreamQuery);
        assert_eq!(refused("/media?"), Invalid::StreamQuery);
        assert_eq!(refused("wss://voice.example/media#rc=1"), Invalid::StreamFragment);
        assert_eq!(refused("https://voice.example/media"), Invalid::StreamScheme);
        assert_eq!(refused("voice.example:8000/media"), Invalid::StreamScheme);
        assert_eq!(refused("wss:/voice.example"), Invalid::StreamScheme);
        assert_eq!(refused("wss:///media"), Invalid::StreamHost);
        assert_eq!(refused("wss://:443/media"), Invalid::StreamHost);
        assert!(matches!(refused(""), Invalid::Empty { .. }));
        assert!(matches!(refused("wss://voice.example/a b"), Invalid::Characters { .. }));
        assert!(matches!(refused("/a\n"), Invalid::Characters { .. }));
    }

    #[test]
    fn a_parameter_has_fewer_than_500_characters_with_its_name() -> Result<(), Invalid> {
        // Characters, not bytes.
        let stream = Stream::to("/media")?.parameter("naïve", "é".repeat(494))?;
        let refused = stream.clone().parameter("other", "e".repeat(495)).expect_err("500");
        assert!(matches!(refused, Invalid::TooLong { max: 499, given: 500, .. }));
        assert!(stream.parameter("empty", "").is_ok());
        Ok(())
    }

    #[test]
    fn a_parameter_is_named_once_and_carried_whole() -> Result<(), Invalid> {
        let stream = Stream::to("/media")?.parameter("token", "x")?;
        let again = stream.clone().parameter("token", "y").expect_err("twice");
        assert!(matches!(again, Invalid::Twice { .. }));
        assert!(matches!(stream.clone().parameter("", "y"), Err(Invalid::Empty { .. })));
        assert!(matches!(stream.parameter("a", "b\u{0}"), Err(Invalid::Characters { .. })));
        Ok(())
    }

    #[test]
    fn the_status_callback_is_absolute() -> Result<(), Invalid> {
        let refused = Stream::to("/media")?.status_callback("/events").expect_err("relative");
        assert!(matches!(refused, Invalid::Relative { .. }));
        Ok(())
    }

    #[test]
    fn debug_shows_neither_address_nor_parameter() -> Result<(), Invalid> {
        let stream = Stream::to("wss://voice.example/media")?.parameter("token", "secret")?;
        assert_eq!(format!("{stream:?}"), "Stream { element: Stream [Parameter] }");
        Ok(())
    }
}
