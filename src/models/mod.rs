//! The models that ship with the program. `gehoord train` makes them from `training/`; see `learn`. [`artefact`] is the form
//! in which they are kept.

pub mod artefact;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use anyhow::Context;

use crate::assess::classifier::Classifier;
use crate::encoder::Table;
use crate::matching::fusion::Fusion;
use crate::models::artefact::Reader;

static SHIPPED: LazyLock<Arc<Models>> = LazyLock::new(|| {
    Arc::new(Models::read(ENCODER, FUSION, CLASSIFIER).expect("the models that ship are whole"))
});
const ENCODER: &[u8] = include_bytes!("../../models/encoder.bin");
const FUSION: &[u8] = include_bytes!("../../models/fusion.bin");
const CLASSIFIER: &[u8] = include_bytes!("../../models/classifier.bin");

/// Everything that was learned.
#[derive(Clone, Debug)]
pub struct Models {
    /// Makes vectors of texts.
    pub encoder: Arc<Table>,
    /// Says how likely candidates are.
    pub fusion: Fusion,
    /// Says what kind of text it is.
    pub classifier: Classifier,
}

impl Models {
    /// Reads the artefacts.
    ///
    /// # Errors
    /// When one is damaged, or of another version.
    pub fn read(encoder: &[u8], fusion: &[u8], classifier: &[u8]) -> anyhow::Result<Models> {
        let encoder = Table::read(&mut Reader::new(encoder)?)?;
        let fusion = Fusion::read(&mut Reader::new(fusion)?)?;
        let classifier = Classifier::read(&mut Reader::new(classifier)?)?;
        Ok(Models { encoder: Arc::new(encoder), fusion, classifier })
    }

    /// Reads the models of a folder, as `gehoord train` writes them.
    ///
    /// # Errors
    /// When one is missing, damaged, or of another version.
    pub fn of_folder(folder: &Path) -> anyhow::Result<Models> {
        let bytes = |name: &str| {
            let file = folder.join(name);
            std::fs::read(&file).with_context(|| format!("{}", file.display()))
        };
        Models::read(&bytes("encoder.bin")?, &bytes("fusion.bin")?, &bytes("classifier.bin")?)
            .with_context(|| format!("the models in {}", folder.display()))
    }
}

/// The models that ship.
pub fn shipped() -> Arc<Models> {
    SHIPPED.clone()
}
