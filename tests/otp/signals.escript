#!/usr/bin/env escript
%%! +S 1:1 -noinput
%% Plays scripts of processes, links, monitors and exits on Erlang and writes down what happened;
%% signal_player.cpp does the same with troupe. README.md has the grammar of both texts.
-mode(compile).

-record(stage, {procs = #{}, live = [], watch = #{}, ends = [], step = 0, out = []}).

main([In, Out]) ->
    logger:set_primary_config(level, none),
    {ok, Text} = file:read_file(In),
    Lines = binary:split(Text, <<"\n">>, [global, trim_all]),
    ok = file:write_file(Out, play_all([binary:split(L, <<" ">>, [global]) || L <- Lines])).

play_all([]) -> [];
play_all([[<<"script">>, Seed] | Rest]) ->
    {Steps, [_ | More]} = lists:splitwith(fun(L) -> L =/= [<<"end">>] end, Rest),
    Self = self(),
    {Driver, Ref} = spawn_monitor(fun() -> Self ! {played, self(), play(Steps)} end),
    Result = receive
                 {played, Driver, R} -> R;
                 {'DOWN', Ref, process, Driver, Why} -> io_lib:format("broken: ~0p~n", [Why])
             end,
    demonitor(Ref, [flush]),
    [["script ", Seed, "\n", Result, "end\n"] | play_all(More)].

%% --- the driver: one step after the other -------------------------------------------------------

play(Steps) ->
    Numbered = lists:zip(lists:seq(1, length(Steps)), Steps),
    S = lists:foldl(fun({I, Words}, S0) -> settle(step(Words, S0#stage{step = I, ends = []})) end,
                    #stage{}, Numbered),
    Last = lists:foldl(fun(P, S0) -> element(2, perform(P, [<<"flush">>], S0)) end,
                       S#stage{step = length(Steps) + 1}, lists:sort(S#stage.live)),
    Names = [io_lib:format("name ~s ~s~n", [N, name_text(whereis(atom_of(N)), S)])
             || N <- [<<"a">>, <<"b">>, <<"c">>]],
    end_all(Last),
    [lists:reverse(Last#stage.out), Names].

step([<<"root">>, P], S) -> enter(P, spawn(fun() -> actor(P) end), S);
step([<<"storm">>, A, B, To, Count], S) ->
    Asked = [P || P <- [A, B], lists:member(P, S#stage.live)],
    [order(P, [<<"pour">>, To, Count], S) || P <- Asked],
    lists:foldl(fun(P, S0) -> element(2, await(P, S0)) end, S, Asked);
step([P, <<"spawn">>, Q | _] = Words, S) ->
    case perform(P, tl(Words), S) of
        {{spawned, Pid}, S1} -> enter(Q, Pid, S1);
        {_, S1} -> S1
    end;
step([P | Words], S) -> element(2, perform(P, Words, S)).

enter(P, Pid, S) ->
    Ref = monitor(process, Pid),
    S#stage{procs = (S#stage.procs)#{P => Pid}, live = [P | S#stage.live],
            watch = (S#stage.watch)#{Ref => P}}.

perform(P, Words, S) ->
    case lists:member(P, S#stage.live) of
        false -> {none, say("dead", S)};
        true -> order(P, Words, S), await(P, S)
    end.

order(P, Words, S) -> maps:get(P, S#stage.procs) ! {perform, self(), Words, S#stage.procs}.

await(P, S) ->
    Pid = maps:get(P, S#stage.procs),
    case lists:member(P, S#stage.live) of
        false -> {none, S};
        true ->
            receive
                {done, Pid, none} -> {none, S};
                {done, Pid, {spawned, _} = R} -> {R, S};
                {done, Pid, Text} -> {none, say(Text, S)};
                {'DOWN', Ref, process, _, Why} when is_map_key(Ref, S#stage.watch) ->
                    await(P, ended(Ref, Why, S))
            end
    end.

ended(Ref, Why, S) ->
    P = maps:get(Ref, S#stage.watch),
    S#stage{live = lists:delete(P, S#stage.live), ends = [{number(P), Why} | S#stage.ends]}.

say(Text, S) ->
    S#stage{out = [io_lib:format("~b ~s~n", [S#stage.step, Text]) | S#stage.out]}.

%% Until a round in which nobody has ended; then everybody has received what the step caused. Some
%% more if one did: the VM answers what waits for a process after telling of its end.
settle(S) -> settle(S, case S#stage.ends of [] -> 0; _ -> 4 end).

settle(S, More) ->
    case round_of(sync, S) of
        #stage{live = Live} = S1 when length(Live) < length(S#stage.live) -> settle(S1, 4);
        S1 when More > 0 -> settle(S1, More - 1);
        S1 ->
            S2 = round_of({mark, S#stage.step}, S1),
            lists:foldl(fun({N, Why}, S0) -> say(io_lib:format("end p~b ~s", [N, reason(Why)]), S0)
                        end, S2, lists:sort(S2#stage.ends))
    end.

round_of(What, S) ->
    [maps:get(P, S#stage.procs) ! {What, self()} || P <- S#stage.live],
    S1 = lists:foldl(fun(P, S0) -> element(2, await(P, S0)) end, S, S#stage.live),
    drain(S1).

drain(S) ->
    receive
        {'DOWN', Ref, process, _, Why} -> drain(ended(Ref, Why, S));
        {done, _, _} -> drain(S)  % its sender has ended since
    after 0 -> S
    end.

end_all(#stage{live = []}) -> ok;
end_all(S) ->
    [exit(maps:get(P, S#stage.procs), kill) || P <- S#stage.live],
    receive {'DOWN', Ref, process, _, Why} -> end_all(ended(Ref, Why, S)) end.

%% --- the processes ------------------------------------------------------------------------------

actor(Name) -> actor(Name, #{}).

%% Refs: the monitors of this process, name => {reference, by name?, target}.
actor(Name, Refs) ->
    receive
        {perform, Driver, Words, Procs} ->
            put(name, Name),
            {Result, Refs1} = case act(Words, Procs, Refs) of
                                  {refs, R} -> {none, R};
                                  {refs, R, New} -> {R, New};
                                  Other -> {Other, Refs}
                              end,
            Driver ! {done, self(), Result},
            actor(Name, Refs1);
        {sync, Driver} -> Driver ! {done, self(), none}, actor(Name, Refs);
        {{mark, Step}, Driver} ->
            self() ! {mark, Step},
            Driver ! {done, self(), none},
            actor(Name, Refs)
    end.

act([<<"spawn">>, Q, <<"plain">>], _, _) -> {spawned, spawn(fun() -> actor(Q) end)};
act([<<"spawn">>, Q, <<"link">>], _, _) -> {spawned, spawn_link(fun() -> actor(Q) end)};
act([<<"spawn">>, Q, <<"monitor">>, M], _, Refs) ->
    {Pid, Ref} = spawn_monitor(fun() -> actor(Q) end),
    {refs, {spawned, Pid}, Refs#{M => {Ref, false, Pid}}};
act([<<"demonitor">>, M], _, Refs) when is_map_key(M, Refs) ->
    demonitor(element(1, maps:get(M, Refs)), [flush]),
    {refs, maps:remove(M, Refs)};
act([<<"demonitor">>, _], _, _) -> "unknown";
act([<<"monitor_name">>, N, M], _, Refs) ->
    Target = whereis(atom_of(N)),
    {refs, Refs#{M => {monitor(process, atom_of(N)), true, Target}}};
act([<<"trap">>, How], _, _) -> atom_to_list(process_flag(trap_exit, How =:= <<"on">>));
act([<<"exit">>, R], _, _) -> exit(reason_of(R));
act([<<"throw">>], _, _) -> error(boom);
act([<<"register">>, N], _, _) ->
    try register(atom_of(N), self()) of true -> "registered"
    catch error:badarg ->
            case whereis(atom_of(N)) of
                undefined -> "~second_name";  % Erlang gives a process one name only
                _ -> "taken"
            end
    end;
act([<<"unregister">>, N], _, _) ->
    case whereis(atom_of(N)) of
        Pid when Pid =:= self() -> unregister(atom_of(N)), "unregistered";
        undefined -> "nobody";
        _ -> "~foreign_name"
    end;
act([<<"whereis">>, N], Procs, _) -> name_text(whereis(atom_of(N)), #stage{procs = Procs});
act([<<"send_name">>, N, Tag], _, _) ->
    try atom_of(N) ! {note, get(name), Tag}, none
    catch error:badarg -> none end;
act([<<"take">>, <<"down">>, M], _, Refs) when is_map_key(M, Refs) ->
    {Ref, _, _} = maps:get(M, Refs),
    receive {'DOWN', Ref, process, _, R} -> reason(R) after 0 -> "nothing" end;
act([<<"take">>, <<"down">>, _], _, _) -> "unknown";
act([<<"take">>, <<"note">>, P], _, _) ->
    receive {note, P, Tag} -> Tag after 0 -> "nothing" end;
act([<<"flush">>], Procs, Refs) -> ["has ", flush(Procs, Refs)];
act([Verb, Q | Rest], Procs, Refs) ->
    case Procs of
        #{Q := Pid} -> act_on(Verb, Pid, Rest, Refs);
        _ -> "unknown"
    end.

act_on(<<"link">>, Pid, [], _) -> link(Pid), none;
act_on(<<"unlink">>, Pid, [], _) -> unlink(Pid), none;
act_on(<<"monitor">>, Pid, [M], Refs) ->
    {refs, Refs#{M => {monitor(process, Pid), false, Pid}}};
act_on(<<"kill">>, Pid, [R], _) -> exit(Pid, reason_of(R)), none;
act_on(<<"send">>, Pid, [Tag], _) -> Pid ! {note, get(name), Tag}, none;
act_on(<<"pour">>, Pid, [Count], _) ->
    [begin Pid ! {note, get(name), integer_to_binary(I)}, erlang:yield() end
     || I <- lists:seq(1, binary_to_integer(Count))],
    none;
act_on(<<"take_exit">>, Pid, [], _) ->
    receive {'EXIT', Pid, R} -> reason(R) after 0 -> "nothing" end;
act_on(<<"burst">>, Pid, Words, Refs) ->
    process_flag(trap_exit, true),
    Link = case is_process_alive(Pid) of true -> living; false -> nobody end,
    {Told, Refs1} = burst(Words, Pid, Link, none, Refs),
    {refs, Told, Refs1}.

%% Several acts upon one process, without waiting between them.
burst([], _, _, Told, Refs) -> {Told, Refs};
burst(Words, Pid, Link, Told, Refs) ->
    {Act, Rest} = lists:splitwith(fun(W) -> W =/= <<";">> end, Words),
    Next = case Rest of [] -> []; [_ | More] -> More end,
    case Act of
        [Verb] when Link =:= linked_to_nobody, Verb =:= <<"link">> orelse Verb =:= <<"unlink">> ->
            burst(Next, Pid, Link, "~link_to_nobody", Refs);  % see README.md
        [<<"link">>] when Link =:= nobody ->
            link(Pid),
            burst(Next, Pid, linked_to_nobody, Told, Refs);
        _ -> burst(Next, Pid, Link, Told, burst_act(Act, Pid, Refs))
    end.

burst_act([<<"quit">>, R], _, _) -> exit(reason_of(R));
burst_act([<<"demonitor">>, _] = Act, _, Refs) -> refs_after(act(Act, #{}, Refs), Refs);
burst_act([Verb | More], Pid, Refs) -> refs_after(act_on(Verb, Pid, More, Refs), Refs).

refs_after({refs, New}, _) -> New;
refs_after(_, Old) -> Old.

%% --- what is in the mailbox ---------------------------------------------------------------------

%% In order, but what came from several senders in one step is put in the order of the senders.
flush(Procs, Refs) ->
    Who = maps:from_list([{Pid, number(P)} || {P, Pid} <- maps:to_list(Procs)]),
    Mons = maps:from_list([{Ref, {M, T}} || {M, T = {Ref, _, _}} <- maps:to_list(Refs)]),
    Found = lists:keysort(1, collect(0, Who, Mons)),
    lists:join(", ", [Text || {_, Text, _} <- sort_ends(Found)]).

collect(Step, Who, Mons) ->
    receive
        {mark, Now} -> collect(Now, Who, Mons);
        {note, P, Tag} ->
            [{{Step, number(P)}, ["note ", P, " ", Tag], none} | collect(Step, Who, Mons)];
        {'EXIT', Pid, R} ->
            N = maps:get(Pid, Who),
            [{{Step, N}, io_lib:format("exit p~b ~s", [N, reason(R)]), reason(R)}
             | collect(Step, Who, Mons)];
        {'DOWN', Ref, process, _, R} ->
            {M, {_, Named, Target}} = maps:get(Ref, Mons),
            N = maps:get(Target, Who, -1),
            Of = case Named of true -> "named"; false -> io_lib:format("p~b", [N]) end,
            [{{Step, N}, io_lib:format("down ~s ~s ~s", [M, Of, reason(R)]), reason(R)}
             | collect(Step, Who, Mons)]
    after 0 -> []
    end.

%% In what order a process that ends tells its links and monitors is not promised.
sort_ends([]) -> [];
sort_ends([{_, _, none} = Note | Rest]) -> [Note | sort_ends(Rest)];
sort_ends([{Key, _, R} | _] = All) ->
    Same = fun({K, _, R1}) -> K =:= Key andalso R1 =:= R end,
    {Run, Rest} = lists:splitwith(Same, All),
    lists:sort([{K, lists:flatten(T), R1} || {K, T, R1} <- Run]) ++ sort_ends(Rest).

%% --- texts --------------------------------------------------------------------------------------

number(<<"p", N/binary>>) -> binary_to_integer(N).

name_text(undefined, _) -> "nobody";
name_text(Pid, S) ->
    case [P || {P, Q} <- maps:to_list(S#stage.procs), Q =:= Pid] of [P] -> P; [] -> "stranger" end.

atom_of(N) -> binary_to_atom(<<"name_", N/binary>>).

reason_of(<<"s:", X/binary>>) -> {shutdown, binary_to_atom(X)};
reason_of(R) -> binary_to_atom(R).

reason({shutdown, X}) -> "s:" ++ atom_to_list(X);
reason({boom, _Stack}) -> "error";
reason({noproc, _Stack}) -> "noproc";  % link/1 to nobody raises this where exits are not trapped
reason(R) when is_atom(R) -> atom_to_list(R);
reason(R) -> lists:flatten(io_lib:format("~0p", [R])).
