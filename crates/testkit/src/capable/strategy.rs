//! Servers of any ability, for property tests.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::capabilities::{
    Capabilities, Dialects, FIELDS, Family, FieldWording, Kind, Oddities, Reasoning, Schemas,
    SystemRule, Tools, UnknownPath, UsageReport,
};

/// A server with any subset of abilities: any kind, and each switch set or not. It always
/// speaks at least one dialect, its context takes a short turn with a tool or two, and it
/// keeps nobody waiting: no gates, no loading, no slots. Tests set those by themselves.
pub fn capabilities() -> impl Strategy<Value = Capabilities> {
    capabilities_with_obstacles(0..=OBSTACLES.len())
}

/// As [`capabilities`], with as many obstacles as this. An obstacle is something that an
/// ordinary request with a system prompt, tools, an output limit and `stream_options` would
/// be refused for, so that a client must change the request and send it again.
pub fn capabilities_with_obstacles(
    count: RangeInclusive<usize>,
) -> impl Strategy<Value = Capabilities> {
    let obstacles = subsequence(OBSTACLES.to_vec(), count);
    (harmless(), obstacles, choices()).prop_map(|(mut can, obstacles, choices)| {
        for obstacle in obstacles {
            obstacle.place(&mut can, &choices);
        }
        can
    })
}

/// One reason to refuse an ordinary request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    Fields,
    Tools,
    Schemas,
    System,
    Template,
    ToolIds,
    Output,
}

const OBSTACLES: [Obstacle; 7] = [
    Obstacle::Fields,
    Obstacle::Tools,
    Obstacle::Schemas,
    Obstacle::System,
    Obstacle::Template,
    Obstacle::ToolIds,
    Obstacle::Output,
];

/// How the obstacles are made, where there are several ways.
#[derive(Debug, Clone)]
struct Choices {
    fields: BTreeSet<String>,
    wording: FieldWording,
    schemas: Schemas,
    system_is_refused: bool,
    strict_alternation: bool,
    needs_user_message: bool,
    output: u64,
}

prop_compose! {
    fn choices()(
        fields in subsequence(FIELDS.to_vec(), 1..=FIELDS.len()),
        wording in select(vec![
            FieldWording::Pydantic,
            FieldWording::FastApi,
            FieldWording::OpenAi,
            FieldWording::Unrecognized,
        ]),
        open_patterns in any::<bool>(),
        refs in any::<bool>(),
        root_any_of in any::<bool>(),
        empty in any::<bool>(),
        property_names in any::<bool>(),
        max_length in option::of(select(vec![256u64, 2000])),
        system_is_refused in any::<bool>(),
        strict_alternation in any::<bool>(),
        needs_user_message in any::<bool>(),
        output in 256u64..8192,
    ) -> Choices {
        let mut fields: BTreeSet<String> = fields.into_iter().map(str::to_owned).collect();
        // One of the two names is taken everywhere.
        if fields.contains("max_tokens") {
            fields.remove("max_completion_tokens");
        }
        Choices {
            fields,
            wording,
            schemas: Schemas {
                refuses_open_patterns: open_patterns,
                refuses_refs: refs,
                refuses_root_any_of: root_any_of,
                refuses_empty: empty,
                refuses_property_names: property_names,
                refuses_max_length_from: max_length,
            },
            system_is_refused,
            strict_alternation,
            needs_user_message,
            output,
        }
    }
}

impl Obstacle {
    fn place(self, can: &mut Capabilities, choices: &Choices) {
        match self {
            Self::Fields => {
                can.refused_fields.clone_from(&choices.fields);
                can.field_wording = choices.wording;
            }
            Self::Tools => can.tools = Tools::Refused,
            Self::Schemas => can.schemas = choices.schemas,
            Self::System => {
                can.system = match choices.system_is_refused {
                    true => SystemRule::Refused,
                    false => SystemRule::AtStart,
                };
            }
            Self::Template => {
                can.strict_alternation = choices.strict_alternation;
                can.needs_user_message = choices.needs_user_message;
                can.developer_role = false;
                can.content_parts = false;
            }
            Self::ToolIds => can.short_tool_ids = true,
            Self::Output => can.max_output = Some(choices.output),
        }
    }
}

prop_compose! {
    /// Abilities that refuse no ordinary request: what the client meets in the answer.
    fn harmless()(
        kind in select(Kind::ALL.to_vec()),
        dialects in (any::<bool>(), any::<bool>(), any::<bool>()),
        unknown_path in select(vec![
            UnknownPath::OfKind,
            UnknownPath::NotFound,
            UnknownPath::MethodNotAllowed,
            UnknownPath::OkWithError,
        ]),
        tools in prop_oneof![
            4 => Just(Tools::Native),
            4 => select(Family::ALL.to_vec()).prop_map(Tools::Text),
            1 => Just(Tools::Dropped),
        ],
        parallel_calls in any::<bool>(),
        images in any::<bool>(),
        context in option::of(16_384u64..131_072),
        usage in select(vec![UsageReport::WhenAsked, UsageReport::Always, UsageReport::Never]),
        reasoning in select(vec![
            Reasoning::None,
            Reasoning::Field,
            Reasoning::ShortField,
            Reasoning::BothFields,
            Reasoning::Tags,
            Reasoning::ClosingTag,
        ]),
        oddities in oddities(),
    ) -> Capabilities {
        let (completions, responses, messages) = dialects;
        Capabilities {
            dialects: Dialects {
                completions: completions || !(responses || messages),
                responses,
                messages,
            },
            unknown_path,
            tools,
            // A family that writes one call at a time has no form for two.
            parallel_calls: parallel_calls && tools != Tools::Text(Family::Llama),
            images,
            context,
            usage,
            reasoning,
            oddities,
            ..Capabilities::of(kind)
        }
    }
}

/// Each oddity alone is one in three, so that most streams have several.
fn sometimes() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.3)
}

prop_compose! {
    fn oddities()(
        framing in (sometimes(), sometimes(), prop::bool::weighted(0.05), option::of(1usize..40), prop::bool::weighted(0.1)),
        endings in (sometimes(), sometimes(), sometimes(), sometimes()),
        calls in (sometimes(), sometimes(), sometimes(), sometimes(), sometimes()),
        responses in (sometimes(), sometimes(), sometimes(), sometimes()),
    ) -> Oddities {
        let (comments, carriage_returns, huge_frame, drip, whole_document) = framing;
        let (usage_in_last_choice, finish_twice, no_done, stop_with_calls) = endings;
        let (empty_tool_calls, empty_ids, later_names_empty, whole_arguments, index_zero) = calls;
        let (arguments_at_done, empty_item_at_done, other_final_ids, lm_studio_order) = responses;
        Oddities {
            comments,
            carriage_returns,
            huge_frame,
            // A megabyte in tiny pieces would only take long.
            drip: drip.filter(|_| !huge_frame),
            whole_document,
            usage_in_last_choice,
            finish_twice,
            no_done,
            stop_with_calls,
            empty_tool_calls,
            empty_ids,
            later_names_empty,
            whole_arguments,
            index_zero,
            arguments_at_done,
            empty_item_at_done,
            other_final_ids,
            lm_studio_order,
        }
    }
}
