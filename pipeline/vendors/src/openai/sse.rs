//! Server-sent events, as far as this protocol uses them: bytes in, the `data` of events out.
//!
//! Names, ids and retry times of events are ignored; nothing is decided about the data.

use crate::Problem;

/// The longest event taken, in bytes.
const EVENT_LIMIT: usize = 1024 * 1024;

/// Puts events together from pieces cut anywhere.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    /// Has the event any data line yet? An empty one counts.
    has_data: bool,
    /// Was the last byte a carriage return? A line feed after it ends no second line.
    after_return: bool,
    /// Is the first line behind us? Only there may a byte-order mark stand.
    begun: bool,
}

impl Events {
    /// Takes the next bytes and appends the data of the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<String>) -> Result<(), Problem> {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    out.extend(self.end_line()?);
                }
                _ => {
                    self.after_return = false;
                    self.line.push(byte);
                    if self.line.len() + self.data.len() > EVENT_LIMIT {
                        return Err(Problem::Malformed("an event of more than 1 MiB".into()));
                    }
                }
            }
        }
        Ok(())
    }

    /// The data that came without the blank line that should end it: some servers leave that out
    /// after the last event.
    pub(super) fn finish(mut self) -> Option<String> {
        if !self.line.is_empty() {
            self.end_line().ok()?;
        }
        self.end_event().ok()?
    }

    fn end_line(&mut self) -> Result<Option<String>, Problem> {
        let whole = std::mem::take(&mut self.line);
        let mut line = whole.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event();
        }
        // A line without a colon is a field without a value; one that begins with it, a comment.
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        if field == b"data" {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.has_data = true;
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        }
        Ok(None)
    }

    fn end_event(&mut self) -> Result<Option<String>, Problem> {
        if !std::mem::take(&mut self.has_data) {
            return Ok(None);
        }
        String::from_utf8(std::mem::take(&mut self.data))
            .map(Some)
            .map_err(|_| Problem::Malformed("an event that is not UTF-8".into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = Events::default();
        let mut out = Vec::new();
        for piece in pieces {
            parser.push(piece, &mut out).unwrap();
        }
        out.extend(parser.finish());
        out
    }

    #[test]
    fn comments_line_ends_and_data_of_several_lines() {
        let text = b"\xEF\xBB\xBF: hello\n\ndata: one\n\ndata:two\r\ndata: lines\r\n\r\nevent: x\rdata\r\rid: 1\n\n";
        assert_eq!(events(&[text]), ["one", "two\nlines", ""]);
    }

    #[test]
    fn a_missing_last_blank_line_is_forgiven() {
        assert_eq!(events(&[b"data: [DONE]"]), ["[DONE]"]);
        assert_eq!(events(&[b"data: [DONE]\n"]), ["[DONE]"]);
        assert!(events(&[b": only a comment"]).is_empty());
    }

    #[test]
    fn too_long_and_not_text_are_refused() {
        let mut parser = Events::default();
        let long = vec![b'a'; EVENT_LIMIT + 1];
        assert!(matches!(parser.push(&long, &mut Vec::new()), Err(Problem::Malformed(_))));
        let mut parser = Events::default();
        let bad = b"data: \xFF\n\n";
        assert!(matches!(parser.push(bad, &mut Vec::new()), Err(Problem::Malformed(_))));
    }

    proptest! {
        #[test]
        fn where_the_network_cuts_makes_no_difference(
            text in "(data: ?[a-zé]{0,6}|:[a-z]{0,3}|event: [a-z]){0,3}(\r\n|\n|\r){0,3}(data:x(\r\n|\n|\r){1,2}){0,4}",
            cuts in proptest::collection::vec(0usize..80, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&pieces), events(&[bytes]));
        }
    }
}
