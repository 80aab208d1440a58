//! Simple changes of a seed, the same ones each time: a wrong byte, a part that is missing, doubled,
//! or from another seed.

/// How many mutations of each seed `make test` tries.
pub(crate) const MUTATIONS: u64 = 100;

/// Bytes with a special meaning for readers.
const EDGES: [u8; 16] = [0, 1, 0x7f, 0x80, 0xff, b'\n', b'\r', b' ', b',', b':', b'/', b'-', b'"', b'{', b'[', b'0'];

/// The mutation of this number. `others` are what parts are taken from.
pub(crate) fn mutated(seed: &[u8], others: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut dice = Rng::new(seed, number);
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(3) {
        change(&mut bytes, others, &mut dice);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Rng) {
    let at = dice.below(bytes.len());
    let end = at + dice.below((bytes.len() - at).min(32));
    match dice.below(7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.insert(at, EDGES[dice.below(EDGES.len() - 1)]),
        3 => {
            let double = bytes[at..end].to_vec();
            bytes.splice(at..at, double);
        }
        4 => {
            let part = part(others, dice);
            bytes.splice(at..end, part);
        }
        5 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = EDGES[dice.below(EDGES.len() - 1)]),
        _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(7)),
    }
}

/// A slice of another seed.
fn part(others: &[Vec<u8>], dice: &mut Rng) -> Vec<u8> {
    let Some(other) = others.get(dice.below(others.len().saturating_sub(1))) else { return Vec::new() };
    let at = dice.below(other.len());
    let end = at + dice.below((other.len() - at).min(32));
    other[at..end].to_vec()
}

/// Pseudo-random numbers from the seed alone (splitmix64).
struct Rng(u64);

impl Rng {
    fn new(seed: &[u8], number: u64) -> Self {
        let mixed = seed
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        Self(mixed ^ number)
    }

    /// From 0 to `most`, inclusive.
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % (most as u64 + 1)).unwrap_or(most)
    }
}
