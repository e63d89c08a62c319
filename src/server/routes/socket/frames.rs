//! A message in frames: a long one in several, for each write moves what is not sent yet, and the connection keeps the
//! largest buffer that it needed.

use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

/// The most bytes that one frame carries.
const FRAME_BYTES_MAX: usize = 16 << 10;

/// The frames of a text, in their order (RFC 6455, 5.4). Each ends with a whole character, though it need not.
pub(super) fn frames(text: String) -> impl Iterator<Item = Message> {
    let (mut rest, mut begun) = (Some(Bytes::from(text)), false);
    std::iter::from_fn(move || {
        let mut part = rest.take()?;
        if part.len() > FRAME_BYTES_MAX {
            let begins = |at: &usize| part[*at] & 0b1100_0000 != 0b1000_0000;
            let end = (1..=FRAME_BYTES_MAX).rev().find(begins).unwrap_or(FRAME_BYTES_MAX);
            rest = Some(part.split_off(end));
        }
        let kind = if std::mem::replace(&mut begun, true) { Data::Continue } else { Data::Text };
        Some(Message::Frame(Frame::message(part, OpCode::Data(kind), rest.is_none())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_comes_in_frames_of_whole_characters() {
        let lengths = |text: &str| {
            let frames: Vec<Frame> = frames(text.to_owned())
                .map(|message| match message {
                    Message::Frame(frame) => frame,
                    other => panic!("{other:?}"),
                })
                .collect();
            let together: Vec<u8> = frames.iter().flat_map(|frame| frame.payload().to_vec()).collect();
            assert_eq!(together, text.as_bytes());
            for (index, frame) in frames.iter().enumerate() {
                let kind = if index == 0 { Data::Text } else { Data::Continue };
                assert_eq!(frame.header().opcode, OpCode::Data(kind));
                assert_eq!(frame.header().is_final, index + 1 == frames.len());
                assert!(std::str::from_utf8(frame.payload()).is_ok());
            }
            frames.iter().map(|frame| frame.payload().len()).collect::<Vec<_>>()
        };
        assert_eq!(lengths(""), [0]);
        assert_eq!(lengths(&"a".repeat(FRAME_BYTES_MAX)), [FRAME_BYTES_MAX]);
        assert_eq!(lengths(&"a".repeat(FRAME_BYTES_MAX + 1)), [FRAME_BYTES_MAX, 1]);
        assert_eq!(lengths(&format!("a{}", "ü".repeat(FRAME_BYTES_MAX))), [16_383, 16_384, 2]);
        assert_eq!(lengths(&"😀".repeat(FRAME_BYTES_MAX / 2)), [FRAME_BYTES_MAX, FRAME_BYTES_MAX]);
    }
}
