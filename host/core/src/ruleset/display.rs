//! Prints as nft text.
