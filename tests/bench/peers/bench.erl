%% The workloads of troupe-bench on Erlang/OTP. One JSON line per figure.
%% Local:  erl -noshell +P 5000000 -s bench local
%% Remote: see run.sh (starts a second node that runs bench:serve/0).
-module(bench).
-behaviour(gen_server).
-export([local/0, serve/0, remote/1]).
-export([pong/0, ping/3, counter/1, ring_member/0, leaf_or_branch/3, idle/0, echo/1]).
-export([init/1, handle_call/3, handle_cast/2]).

report(Workload, Value, Unit) ->
    io:format("{\"system\":\"erlang-otp-~s\",\"workload\":\"~s\",\"value\":~.3f,\"unit\":\"~s\"}~n",
              [erlang:system_info(otp_release), Workload, float(Value), Unit]).

elapsed_ns(F) ->
    T0 = erlang:monotonic_time(nanosecond), F(), erlang:monotonic_time(nanosecond) - T0.

local() ->
    Me = self(),
    N1 = 1000000,
    report(ping_pong, elapsed_ns(fun() ->
        P = spawn(?MODULE, pong, []), spawn(?MODULE, ping, [P, Me, N1]), wait(1) end) / (2 * N1), "ns/message"),
    N2 = 100000,
    report(ping_pong_64, elapsed_ns(fun() ->
        [spawn(?MODULE, ping, [spawn(?MODULE, pong, []), Me, N2]) || _ <- lists:seq(1, 64)], wait(64) end) / (2 * N2 * 64), "ns/message"),
    N3 = 5000000,
    report(flood, elapsed_ns(fun() ->
        C = spawn(?MODULE, counter, [0]), add(C, N3), C ! {get, Me}, receive {value, N3} -> ok end end) / N3, "ns/message"),
    N4 = 100000,
    report(fan_in, elapsed_ns(fun() ->
        C = spawn(?MODULE, counter, [0]),
        [spawn(fun() -> add(C, N4), Me ! done end) || _ <- lists:seq(1, 64)], wait(64),
        C ! {get, Me}, receive {value, _} -> ok end end) / (64 * N4), "ns/message"),
    N5 = 5000000,
    report(ring, elapsed_ns(fun() ->
        Ps = [spawn(?MODULE, ring_member, []) || _ <- lists:seq(1, 1000)], [First | _] = Ps,
        lists:foldr(fun(P, Next) -> P ! {next, Next}, P end, First, Ps),
        [lists:nth(I * 250 + 1, Ps) ! {token, N5 div 4, Me} || I <- lists:seq(0, 3)], wait(4),
        [exit(P, kill) || P <- Ps] end) / N5, "ns/hop"),
    report(skynet, elapsed_ns(fun() ->
        spawn(?MODULE, leaf_or_branch, [Me, 0, 1000000]), receive {value, 499999500000} -> ok end end) / 1.0e9, "s"),
    N6 = 1000000,
    report(call, elapsed_ns(fun() ->
        {ok, S} = gen_server:start(?MODULE, 0, []), calls(S, N6), gen_server:stop(S) end) / N6, "ns/call"),
    erlang:garbage_collect(),
    M0 = erlang:memory(processes),
    N7 = 1000000,
    T = elapsed_ns(fun() -> put(idle, [spawn(?MODULE, idle, []) || _ <- lists:seq(1, N7)]) end),
    report(spawn_idle, T / N7, "ns/spawn"),
    report(idle_memory, (erlang:memory(processes) - M0) / N7, "B/process"),
    halt(0).

wait(0) -> ok;
wait(N) -> receive done -> wait(N - 1) end.
pong() -> receive {ping, From, N} -> From ! {pong, N}, pong(); stop -> ok end.
ping(Pong, Parent, 0) -> Pong ! stop, Parent ! done;
ping(Pong, Parent, N) -> Pong ! {ping, self(), N}, receive {pong, N} -> ping(Pong, Parent, N - 1) end.
counter(C) -> receive {add, N} -> counter(C + N); {get, From} -> From ! {value, C}, counter(C) end.
add(_, 0) -> ok;
add(C, N) -> C ! {add, 1}, add(C, N - 1).
ring_member() -> receive {next, P} -> ring_member(P) end.
ring_member(Next) ->
    receive {token, 0, Main} -> Main ! done; {token, N, Main} -> Next ! {token, N - 1, Main} end, ring_member(Next).
leaf_or_branch(Parent, Number, 1) -> Parent ! {value, Number};
leaf_or_branch(Parent, Number, Size) ->
    Me = self(), Part = Size div 10,
    [spawn(?MODULE, leaf_or_branch, [Me, Number + I * Part, Part]) || I <- lists:seq(0, 9)],
    Parent ! {value, sum(10, 0)}.
sum(0, Acc) -> Acc;
sum(N, Acc) -> receive {value, V} -> sum(N - 1, Acc + V) end.
idle() -> receive stop -> ok end.
calls(_, 0) -> ok;
calls(S, N) -> N = gen_server:call(S, {echo, N}), calls(S, N - 1).
init(S) -> {ok, S}.
handle_call({echo, X}, _From, S) -> {reply, X, S}.
handle_cast(_, S) -> {noreply, S}.

serve() -> register(bench, spawn(?MODULE, echo, [0])), receive never -> ok end.
echo(C) ->
    receive
        {ping, From, X} -> From ! {pong, X}, echo(C);
        {add, N} -> echo(C + N);
        {get, From} -> From ! {value, C}, echo(0)
    end.
remote([Node]) ->
    true = net_kernel:connect_node(Node), To = {bench, Node}, timer:sleep(200),
    N1 = 20000,
    report(remote_ping_pong, elapsed_ns(fun() -> round_trips(To, N1) end) / N1 / 1000, "us/round trip"),
    N2 = 2000000,
    T2 = elapsed_ns(fun() -> add(To, N2), To ! {get, self()}, receive {value, N2} -> ok end end),
    report(remote_flood, N2 / (T2 / 1.0e9), "messages/s"),
    Blob = binary:copy(<<0>>, 1024 * 1024), N3 = 300,
    T3 = elapsed_ns(fun() -> [To ! {ping, self(), Blob} || _ <- lists:seq(1, N3)],
                             [receive {pong, _} -> ok end || _ <- lists:seq(1, N3)] end),
    report(remote_echo_1mib, N3 / (T3 / 1.0e9), "MiB/s each way"),
    halt(0).
round_trips(_, 0) -> ok;
round_trips(To, N) -> To ! {ping, self(), N}, receive {pong, N} -> round_trips(To, N - 1) end.
