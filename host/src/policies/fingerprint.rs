//! What a policy is asked, as a number: equal input, equal number, and the other way round but for one time in 2^64.
//! The numbers are of this process alone, so that an input cannot be made to have another's.

use std::fmt::{self, Write};
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::sync::LazyLock;

use egressd_core::decision::Draft;
use egressd_core::model::{Context, SubjectView};

static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The input of one question.
pub(super) fn fingerprint(context: &Context, service: &SubjectView, draft: &Draft) -> u64 {
    let mut text = Hashed(STATE.build_hasher());
    // What is derived prints every field, and a hasher takes everything.
    let _ = write!(text, "{context:?}{service:?}{draft:?}");
    text.0.finish()
}

struct Hashed(DefaultHasher);

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
