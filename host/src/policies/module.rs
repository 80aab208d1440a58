//! The bytes of a component: unpacked within bounds, and their declared media type.

use std::io::Read;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::wasm::MAX_COMPONENT;

/// Why compressed bytes give no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot decompress policy.wasm.gz; write it with gzip, or with `egressd policy pack`")]
    Gzip(#[source] std::io::Error),
    #[error("cannot decompress policy.wasm.gz: it becomes larger than {MAX_COMPONENT} bytes, the limit")]
    Large,
}

/// The component in gzip's clothes.
///
/// # Errors
/// When it is no gzip, or becomes larger than [`MAX_COMPONENT`]; no more than that is ever held.
pub fn unpack(gzip: &[u8]) -> Result<Vec<u8>, Error> {
    let most = u64::try_from(MAX_COMPONENT).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    GzDecoder::new(gzip).take(most + 1).read_to_end(&mut bytes).map_err(Error::Gzip)?;
    if bytes.len() > MAX_COMPONENT { Err(Error::Large) } else { Ok(bytes) }
}

/// SHA-256 as hexadecimal digits, lower case.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        assert_eq!(unpack(&packed(b"component")).unwrap(), b"component");
        assert_eq!(unpack(&packed(&vec![0; MAX_COMPONENT])).unwrap().len(), MAX_COMPONENT);
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_large() {
        let bomb = packed(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(
            unpack(&bomb).unwrap_err().to_string(),
            "cannot decompress policy.wasm.gz: it becomes larger than 4194304 bytes, the limit"
        );
    }

    #[test]
    fn what_is_cut_off_or_no_gzip_is_refused() {
        let whole = packed(b"component");
        for bytes in [&whole[..whole.len() - 4], b"component", b""] {
            assert!(matches!(unpack(bytes), Err(Error::Gzip(_))));
        }
    }

    #[test]
    fn the_digest_is_what_sha256sum_prints() {
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
