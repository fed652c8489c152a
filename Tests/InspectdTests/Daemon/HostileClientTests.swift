import Foundation
import GuestTesting
import Testing

/// Whatever a client sends: the daemon answers, goes on, and lets nobody in.
@Suite(.serialized) struct HostileClientTests {
    @Test(.timeLimit(.minutes(5))) func nonsenseIsRefused() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd)) { guest in
            let daemon = try await RunningDaemon.start(program, RunningDaemon.guest(guest))
            _ = try await daemon.wait(for: "/v1/guests/demo/summary", "a first look") { _ in true }
            let id = "/v1/guests/demo"
            for (path, status, part) in [
                ("\(id)/frames?wher=x", 400, "did you mean where?"),
                ("\(id)/frames?where=ordr%3D%3D1", 400, "did you mean order?"),
                ("\(id)/frames?limit=0", 400, "from 1 to 1000"), ("\(id)/frames?limit=1&limit=2", 400, "twice"),
                ("\(id)/frames?cursor=5@other", 400, "of the guest 'other'"),
                ("\(id)/frames?cursor=x", 400, "no cursor"),
                ("\(id)/frames/99999999", 404, "no slot"), ("\(id)/frames/-1", 400, "no frame number"),
                ("\(id)/owner/zebra", 400, "no physical address"),
                ("\(id)/map?level=0&first=99999999", 404, "not 99999999"),
                ("\(id)/map?level=41", 400, "from 0 to 40"), ("\(id)/map?by=colour", 400, "must be one of"),
                ("\(id)/findings?since=yesterday", 400, "write a time"),
                ("\(id)/summary?x=1", 400, "there are none here"),
                ("/v1/guests/nobody", 404, "no guest is called"),
                ("/v1/guests/..%2F..%2Fetc%2Fpasswd", 404, "no guest"),
                ("/page/..%2F..%2Fetc%2Fpasswd", 404, "no file"), ("/../../etc/passwd", 404, "nothing at"),
                ("/v2/guests", 404, "nothing at"),
            ] {
                let answer = try await daemon.get(path, ["--path-as-is"])
                #expect(answer.status == status, "\(path): \(answer.text)")
                let problem = try answer.object()
                #expect((problem["detail"] as? String)?.contains(part) == true, "\(path): \(answer.text)")
                #expect(problem["status"] as? Int == status)
            }
            for (body, status, part) in [
                ("{", 400, "not a JSON object"), ("[]", 400, "not a JSON object"), ("id: x", 400, "not a JSON object"),
                ("{\"id\": \"x\"}", 400, "neither qmp nor gdb"),
                ("{\"id\": \"x\", \"qpm\": \"/q\"}", 400, "did you mean qmp?"),
                ("{\"id\": \"demo\", \"qmp\": \"/q\"}", 409, "already"),
                ("{\"id\": \"x\", \"qmp\": \"/q\", \"profile\": \"strat8\"}", 400, "strat9"),
                ("{\"id\": \"\(String(repeating: "x", count: 70_000))\"}", 413, "more than"),
            ] {
                let answer = try await daemon.post("/v1/guests", body)
                #expect(answer.status == status, "\(body.prefix(60)): \(answer.text)")
                #expect(answer.text.contains(part), "\(body.prefix(60)): \(answer.text)")
            }
            #expect(try await daemon.get("/v1/guests", ["-X", "PUT"]).status == 405)
            #expect(try await daemon.get(id, ["-X", "DELETE"]).status == 409)

            // A guest that is added and taken away again.
            let added = try await daemon.post(
                "/v1/guests", "{\"id\": \"second\", \"qmp\": \"\(program.file("none.sock"))\"}")
            #expect(added.status == 201)
            #expect(try await daemon.get("/v1/guests").list("guests").count == 2)
            #expect(try await daemon.get("/v1/guests/second", ["-X", "DELETE"]).status == 204)
            #expect(try await daemon.get("/v1/guests/second").status == 404)
            _ = await daemon.end()
        }
    }

    @Test(.timeLimit(.minutes(5))) func bytesThatAreNoRequests() async throws {
        let program = try Program()
        let daemon = try await RunningDaemon.start(program, "history: off")
        let run = try await program.shell(
            """
            python3 - \(daemon.socket) <<'END'
            import socket, sys, os, random, resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
            def connect():
                s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1]); return s
            # Headers without an end, and larger than any.
            s = connect()
            try:
                s.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n")
                for i in range(10000): s.sendall(b"X-Filler: " + b"x" * 1000 + b"\\r\\n")
                answer = s.recv(100)
            except OSError: answer = b""
            assert b" 200 " not in answer, answer
            # Slow ones hold nobody up.
            slow = [connect() for _ in range(500)]
            for s in slow: s.sendall(b"GET /healthz HT")
            random.seed(4)
            for _ in range(200):
                s = connect()
                try:
                    s.sendall(bytes(random.randrange(256) for _ in range(random.randrange(400))))
                    s.shutdown(socket.SHUT_WR); s.recv(1000)
                except OSError: pass
                s.close()
            s = connect(); s.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
            data = b""
            while (part := s.recv(4096)): data += part
            assert b'"status": "ok"' in data, data
            print("fine")
            END
            """)
        #expect(run.output == "fine\n", "\(run.errors)")
        #expect(try await daemon.get("/healthz").status == 200)
        let (exit, seconds) = await daemon.end()
        #expect(exit == .status(0), "\(daemon.process.errorText)")
        #expect(seconds < 4)
    }

    @Test(.timeLimit(.minutes(5))) func theListenerWantsItsToken() async throws {
        let program = try Program()
        let (token, file) = ("0123456789abcdef0123", program.file("token"))
        try token.write(toFile: file, atomically: true, encoding: .utf8)
        let port = try await program.shell(
            "python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'")
        let address = "127.0.0.1:" + port.output.split(separator: "\n")[0]
        let lines = "listen: \(address)\ntokenFile: \(file)\nhistory: off"
        // Others may read it: no secret.
        await #expect(throws: TestProcessError.self) { _ = try await RunningDaemon.start(program, lines) }
        chmod(file, 0o600)
        let daemon = try await RunningDaemon.start(program, lines)
        func status(_ options: String) async throws -> String {
            try await program.shell("curl -s -o /dev/null -w '%{http_code}' --max-time 10 \(options)").output
        }
        #expect(try await status("http://\(address)/healthz") == "401")
        #expect(try await status("-H 'Authorization: Bearer 0123456789abcdef0124' http://\(address)/healthz") == "401")
        #expect(try await status("-H 'Authorization: Bearer \(token)' http://\(address)/healthz") == "200")
        #expect(
            try await status("-H 'Authorization: Bearer \(token)' -H 'Host: evil.example' http://\(address)/healthz")
                == "421")
        #expect(
            try await status(
                "-H 'Authorization: Bearer \(token)' -H 'Origin: http://evil.example' http://\(address)/healthz")
                == "403")
        #expect(try await status("'http://\(address)/?token=\(token)'") == "303")
        #expect(try await status("'http://\(address)/?token=wrong'") == "401")
        #expect(try await status("-b inspectd-token=\(token) http://\(address)/v1/guests") == "200")
        #expect(try await status("-b inspectd-token=no http://\(address)/v1/guests") == "401")
        _ = await daemon.end()
    }
}
