//! `sessions_send`: words between conversations.

use super::*;

async fn send(setup: &Setup, access: &Value, arguments: Value) -> (Value, Provenance) {
    let access = serde_json::from_value(json!({"tools": {"agentToAgent": access}})).unwrap();
    let access = SessionAccess::from_config(&access);
    let tool = SessionsSend::new(Arc::downgrade(&setup.agents), setup.store.clone(), access);
    let session = setup.main().await;
    let (output, told) = setup.call(&tool, &session, arguments).await;
    (told, output.content[0].from())
}

#[tokio::test]
async fn a_message_to_another_conversation_is_answered_refused_or_told_later() {
    let script = Script::new()
        .on(
            When::post(CHAT).body(|body| all_of(body).contains("slowly")),
            paused("slow", openai_chat(&[Part::Text("At last.")])),
        )
        .on(
            When::post(CHAT).body(|body| all_of(body).contains("answered the message")),
            openai_chat(&[Part::Text("It says: at last.")]),
        )
        .on(
            When::post(CHAT),
            openai_chat(&[Part::Text("Fine, thanks.\nNO_REPLY")]),
        );
    let setup = setup(script, json!({})).await;
    let both = json!({"enabled": true, "allow": ["main", "work"]});
    let work = "agent:work:main";
    let (told, _) = send(
        &setup,
        &json!({}),
        json!({"sessionKey": work, "message": "hi"}),
    )
    .await;
    assert_eq!(told["status"], "forbidden");
    assert!(
        told["error"]
            .as_str()
            .unwrap()
            .contains("tools.agentToAgent.enabled=true"),
        "{told}"
    );
    let (told, _) = send(
        &setup,
        &json!({"enabled": true, "allow": ["main"]}),
        json!({"sessionKey": work, "message": "hi"}),
    )
    .await;
    assert_eq!(
        told["error"],
        "Agent-to-agent messaging denied by tools.agentToAgent.allow."
    );
    for (key, words) in [
        ("agent:nobody:main", "No session found"),
        (MAIN, "this very conversation"),
    ] {
        let (told, _) = send(&setup, &both, json!({"sessionKey": key, "message": "hi"})).await;
        assert_eq!(told["status"], "error");
        assert!(told["error"].as_str().unwrap().contains(words), "{told}");
    }
    assert_eq!(setup.server.posts().len(), 0);

    let (told, from) = send(
        &setup,
        &both,
        json!({"sessionKey": work, "message": "How are you?"}),
    )
    .await;
    assert_eq!(
        (&told["status"], &told["reply"]),
        (&json!("ok"), &json!("Fine, thanks.")),
        "{told}"
    );
    assert_eq!(from, Provenance::Agent);
    let said = last_said(&setup.said(work).await);
    assert!(
        said.contains(&("How are you?".to_owned(), Provenance::Agent)),
        "{said:?}"
    );
    assert!(said.iter().all(|(_, from)| *from != Provenance::Owner));
    assert!(said[1].0.contains("not from your owner"), "{said:?}");

    let (told, _) = send(
        &setup,
        &both,
        json!({"sessionKey": work, "message": "slowly", "timeoutSeconds": 1}),
    )
    .await;
    assert_eq!(told["status"], "timeout");
    assert_eq!(
        told["delivery"],
        json!({"status": "pending", "mode": "announce"})
    );
    setup.server.release("slow");
    assert!(setup.agents.all_back(MAIN).await);
    assert_eq!(
        setup.announce().await.unwrap().message.text(),
        "It says: at last."
    );
    let (told, _) = send(
        &setup,
        &both,
        json!({"sessionKey": work, "message": "slowly again", "timeoutSeconds": 0}),
    )
    .await;
    assert_eq!(told["status"], "accepted");
    assert!(setup.agents.all_back(MAIN).await);
}

#[tokio::test]
async fn two_conversations_do_not_wait_for_each_other() {
    let script = Script::new().on(
        When::post(CHAT),
        paused("slow", openai_chat(&[Part::Text("Yes.")])),
    );
    let setup = setup(script, json!({})).await;
    let main = setup.main().await;
    let work = setup
        .agents
        .session("agent:work:main")
        .await
        .unwrap()
        .unwrap();
    let minute = Duration::from_secs(60);
    let waiting = setup.agents.send(&main, work.clone(), "Well?", minute);
    let back = async {
        setup.server.wait_for_pause("slow").await;
        let refused = setup
            .agents
            .send(&work, main.clone(), "What?", minute)
            .await;
        assert!(
            matches!(&refused, Sent::Failed(reason) if reason.contains("answer first")),
            "{refused:?}"
        );
        setup.server.release("slow");
    };
    let (answered, ()) = tokio::join!(waiting, back);
    assert!(matches!(answered, Sent::Answered { reply, .. } if reply == "Yes."));
}

#[tokio::test]
async fn nothing_is_passed_to_where_a_session_may_not_go() {
    let more = json!({
        "agents": {"list": [
            {"id": "main", "places": ["local"], "subagents": {"allowAgents": ["*"]}},
            {"id": "work", "model": "far/f"},
        ]},
        "models": {"providers": {"far": {"baseUrl": "https://models.example.com/v1", "apiKey": "k",
            "models": [{"id": "f", "name": "F"}]}}},
    });
    let setup = setup(Script::new(), more).await;
    let work = setup
        .agents
        .session("agent:work:main")
        .await
        .unwrap()
        .unwrap();
    let sent = setup
        .agents
        .send(&setup.main().await, work, "hi", Duration::ZERO)
        .await;
    assert!(
        matches!(&sent, Sent::Forbidden(reason) if reason.contains("far/f")),
        "{sent:?}"
    );
    let request = moltbot_agent::SpawnRequest {
        task: "look".into(),
        agent_id: Some("work".into()),
        ..Default::default()
    };
    let main = setup.main().await;
    let spawned = setup.agents.spawn(&main, request).await.unwrap();
    let key = spawned.child_session_key;
    // The other agent's first model is elsewhere, so the one that stands here answers.
    let child = setup.agents.session(&key).await.unwrap().unwrap();
    let agent = setup.agents.agent("work").unwrap();
    let (rungs, left_out) = agent.rungs(&child, None).unwrap();
    let names: Vec<String> = rungs.iter().map(|m| m.reference.to_string()).collect();
    assert_eq!(names, ["box/m"]);
    assert!(left_out[0].to_string().contains("far/f"), "{left_out:?}");
}
