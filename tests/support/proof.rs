//! How long the fault tests go on. `make test` runs what finds a fault soon; `make proof` (`CXCHAIN_PROOF`) goes on where chance
//! and repetition find more. `CXCHAIN_PROOF_SEED` names the chance.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// `usual`, or `long` for the proof.
pub fn as_long_as<T>(usual: T, long: T) -> T {
    if std::env::var_os("CXCHAIN_PROOF").is_some() { long } else { usual }
}

/// As many seeds: from the one that is named on, else from one that is always the same.
///
/// # Panics
/// When `CXCHAIN_PROOF_SEED` is no number.
pub fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let first = std::env::var("CXCHAIN_PROOF_SEED").ok().filter(|named| !named.is_empty());
    let first =
        first.map_or(1, |named| named.parse().unwrap_or_else(|_| panic!("CXCHAIN_PROOF_SEED={named} is no number")));
    (0..count).map(move |n| first + n)
}

/// Chance that can be had again.
pub fn dice(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}
