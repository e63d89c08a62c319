//! Takes the content coding off a body (RFC 9110, section 8.4).
//!
//! The values of the `Content-Encoding` headers and the body as it came go in; the body as it was meant goes out, or
//! why there is none. However much a stream would unfold to, it never holds more than the limit and one buffer: a bomb
//! ends at the limit. A stream counts only whole: to its checksum, with nothing behind it.

use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// The most codings in a row that are taken off; we know of no sender that uses two.
const CODINGS_MAX: usize = 3;

/// Why a coding was not taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodingFault {
    /// It is unknown, there are too many, or the stream does not decode.
    Undecodable,
    /// The body has more bytes than the limit once it is taken off.
    TooLarge,
}

#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
}

/// The body without its codings; `None` where there are none to take off.
pub(super) fn decode<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    body: &[u8],
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, CodingFault> {
    let mut decoded = None;
    // The last one was applied last.
    for coding in codings(values)?.into_iter().rev() {
        let body = decoded.as_deref().unwrap_or(body);
        decoded = Some(match coding {
            Coding::Gzip => whole(MultiGzDecoder::new(body), bytes_max, |gzip| gzip.into_inner())?,
            // The zlib format by the standard, and raw deflate as some senders take the name.
            Coding::Deflate => match whole(ZlibDecoder::new(body), bytes_max, |zlib| zlib.into_inner()) {
                Err(CodingFault::Undecodable) => {
                    whole(DeflateDecoder::new(body), bytes_max, |deflate| deflate.into_inner())?
                }
                done => done?,
            },
        });
    }
    Ok(decoded)
}

fn codings<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Coding>, CodingFault> {
    let mut codings = Vec::new();
    for value in values {
        let value = std::str::from_utf8(value).map_err(|_| CodingFault::Undecodable)?;
        for name in value.split(',').map(str::trim) {
            match &*name.to_ascii_lowercase() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "deflate" => codings.push(Coding::Deflate),
                _ => return Err(CodingFault::Undecodable),
            }
            if codings.len() > CODINGS_MAX {
                return Err(CodingFault::Undecodable);
            }
        }
    }
    Ok(codings)
}

/// All that the decoder gives, if that is at most `bytes_max`, and if it used up its input.
fn whole<'a, D: Read>(mut decoder: D, bytes_max: usize, rest: impl Fn(D) -> &'a [u8]) -> Result<Vec<u8>, CodingFault> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read: io::Result<usize> = decoder.by_ref().take(limit).read_to_end(&mut bytes);
    match read {
        // Beyond the limit nothing more is unfolded, so no other fault can be found.
        Ok(length) if length > bytes_max => Err(CodingFault::TooLarge),
        Ok(_) if rest(decoder).is_empty() => Ok(bytes),
        Ok(_) | Err(_) => Err(CodingFault::Undecodable),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 64 << 10;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(values: &[&str], body: &[u8]) -> Result<Option<Vec<u8>>, CodingFault> {
        decode(values.iter().map(|value| value.as_bytes()), body, LIMIT)
    }

    const BODY: &[u8] = br#"{"appointment_id": 1, "event_type": "create"}"#;

    #[test]
    fn the_known_codings_are_taken_off() {
        for (values, body) in [
            (&["gzip"][..], gzip(BODY)),
            (&["GZip"], gzip(BODY)),
            (&["x-gzip"], gzip(BODY)),
            (&["gzip, identity"], gzip(BODY)),
            (&["deflate"], zlib(BODY)),
            (&["Deflate"], raw(BODY)),
            (&["deflate, gzip"], gzip(&zlib(BODY))),
            (&["deflate", "gzip"], gzip(&raw(BODY))),
            (&["gzip,,gzip , gzip"], gzip(&gzip(&gzip(BODY)))),
            // Two members, as a sender that appends makes them.
            (&["gzip"], [gzip(&BODY[..9]), gzip(&BODY[9..])].concat()),
        ] {
            assert_eq!(decoded(values, &body).unwrap().as_deref(), Some(BODY), "{values:?}");
        }
        for values in [&[][..], &[""], &["identity"], &["Identity, identity"], &[" , "]] {
            assert_eq!(decoded(values, BODY), Ok(None), "{values:?}");
        }
    }

    #[test]
    fn what_is_not_known_or_not_whole_does_not_decode() {
        let mut wrong_sum = gzip(BODY);
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        for (values, body) in [
            (&["br"][..], BODY.to_vec()),
            (&["zstd"], BODY.to_vec()),
            (&["utf-8"], BODY.to_vec()),
            (&["gzip, br"], gzip(BODY)),
            (&["gzip"], BODY.to_vec()),
            (&["gzip"], Vec::new()),
            (&["gzip"], zlib(BODY)),
            (&["gzip"], gzip(BODY)[..20].to_vec()),
            (&["gzip"], wrong_sum),
            (&["gzip"], [gzip(BODY), b"more".to_vec()].concat()),
            (&["deflate"], gzip(BODY)),
            (&["deflate"], Vec::new()),
            (&["deflate"], zlib(BODY)[..20].to_vec()),
            (&["deflate"], [zlib(BODY), b"more".to_vec()].concat()),
            (&["gzip, gzip"], gzip(BODY)),
            (&["gzip, gzip, gzip, gzip"], gzip(&gzip(&gzip(&gzip(BODY))))),
        ] {
            assert_eq!(decoded(values, &body), Err(CodingFault::Undecodable), "{values:?} {} bytes", body.len());
        }
        assert_eq!(decode([&b"gzip\xff"[..]], &gzip(BODY), LIMIT), Err(CodingFault::Undecodable));
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let exact = vec![b' '; LIMIT];
        assert_eq!(decoded(&["gzip"], &gzip(&exact)).unwrap().unwrap().len(), LIMIT);
        assert_eq!(decoded(&["gzip"], &gzip(&[&exact[..], b" "].concat())), Err(CodingFault::TooLarge));
        // 64 MiB in 64 KiB, and the same packed once more.
        let bomb = gzip(&vec![0; 60 << 20]);
        assert!(bomb.len() < LIMIT);
        for (values, body) in [
            (&["gzip"][..], bomb.clone()),
            (&["gzip, gzip"], gzip(&bomb)),
            (&["deflate, gzip"], gzip(&zlib(&vec![0; 60 << 20]))),
        ] {
            assert_eq!(decoded(values, &body), Err(CodingFault::TooLarge), "{values:?}");
        }
        assert_eq!(decoded(&["deflate"], &raw(&vec![0; 1 << 20])), Err(CodingFault::TooLarge));
    }

    proptest! {
        #[test]
        fn anything_is_answered_within_the_limit(
            names in prop::collection::vec(prop_oneof![Just("gzip"), Just("deflate"), Just("identity"), Just("br")], 0..5),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(Some(decoded)) = decode([names.join(",").as_bytes()], &body, 1000) {
                prop_assert!(decoded.len() <= 1000);
            }
        }

        #[test]
        fn what_was_coded_is_read_back(body in prop::collection::vec(any::<u8>(), 0..2000)) {
            for (name, coded) in [("gzip", gzip(&body)), ("deflate", zlib(&body)), ("deflate", raw(&body))] {
                prop_assert_eq!(decoded(&[name], &coded).unwrap().unwrap(), &body[..]);
            }
        }
    }
}
