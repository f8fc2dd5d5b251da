//! An MCP server that does what tests need, and tells them what happens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// The server. Its clones are one.
#[derive(Clone)]
pub(crate) struct TestServer {
    said: mpsc::UnboundedSender<String>,
    has_grown: Arc<AtomicBool>,
}

impl TestServer {
    /// A server that tells what happens.
    pub(crate) fn new(said: mpsc::UnboundedSender<String>) -> Self {
        Self {
            said,
            has_grown: Arc::default(),
        }
    }

    fn say(&self, line: &str) {
        let _ = self.said.send(line.to_owned());
    }
}

fn tool(name: &'static str, description: &'static str, properties: Value) -> Tool {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    let schema = schema.as_object().cloned().unwrap_or_default();
    Tool::new(name, description, Arc::new(schema))
}

fn text(text: impl Into<String>) -> CallToolResponse {
    CallToolResponse::Complete(CallToolResult::success(vec![ContentBlock::text(text)]))
}

impl ServerHandler for TestServer {
    fn get_info(&self) -> ServerConfig {
        let abilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(abilities)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let echo = tool(
            "echo",
            "Says\u{200b} what\u{e0041} it was given.",
            json!({
                "text": {"type": "string", "minLength": 1},
                "count": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": null, "title": "Count"},
                "filter": {"anyOf": [{"type": "string"}, {"type": "object"}]},
            }),
        );
        let mut tools = vec![
            echo.annotate(ToolAnnotations::new().read_only(true)),
            tool(
                "big",
                "Answers with very much.",
                json!({"bytes": {"type": "integer"}}),
            ),
            tool("env.names", "Tells its variables.", json!({})),
            tool("fail", "Fails.", json!({})),
            tool("grow", "Gets another tool.", json!({})),
            tool("hang", "Never answers.", json!({})),
        ];
        if self.has_grown.load(Ordering::Relaxed) {
            tools.push(tool("extra", "Another.", json!({})));
        }
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        match request.name.as_ref() {
            "echo" => Ok(text(arguments.to_string())),
            "big" => {
                let bytes = arguments["bytes"].as_u64().unwrap_or_default();
                Ok(text("x".repeat(usize::try_from(bytes).unwrap_or_default())))
            }
            "env.names" => {
                let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
                Ok(text(names.join(" ")))
            }
            "fail" => Ok(CallToolResponse::Complete(CallToolResult::error(vec![
                ContentBlock::text("no such file"),
            ]))),
            "grow" => {
                self.has_grown.store(true, Ordering::Relaxed);
                let _ = context.peer.notify_tool_list_changed().await;
                Ok(text("grown"))
            }
            "hang" => {
                self.say("hanging");
                context.ct.cancelled().await;
                self.say("cancelled");
                Err(ErrorData::internal_error("cancelled", None))
            }
            other => Err(ErrorData::invalid_params(
                format!("there is no tool {other}"),
                None,
            )),
        }
    }
}
