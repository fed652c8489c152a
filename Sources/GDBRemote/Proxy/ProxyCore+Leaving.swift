extension ProxyCore {
    /// The controller has gone, one way or the other.
    mutating func controllerLeft(_ client: ProxyClient, isDeliberate: Bool) {
        guard state == .open else { return }
        let waits = client.inFlight - (isRunInFlight ? 1 : 0)
        let isClean = !client.cutter.isInPacket && client.queue.isEmpty && waits <= 0 && client.command == nil
        beginRestoring(isLeftAsItIs: isDeliberate && isClean)
    }

    /// Puts the guest back, or leaves the stub as the controller left it.
    mutating func beginRestoring(isLeftAsItIs: Bool) {
        state = .restoring
        session.isLeftAsItIs = isLeftAsItIs
        deadline = now &+ ProxyCore.patience
        restore()
    }

    /// Goes on with putting the guest back, as far as the stub has answered.
    mutating func restore() {
        guard state == .restoring else { return }
        // What was sent before may still set a breakpoint.
        guard !flight.contains(where: { $0.answer != .run }) else { return }
        if session.isPuttingBack || session.hasEnded || session.hasLeft { return closeStub() }
        let isPhysical = session.isLeftAsItIs ? session.controllerPhysical : session.initialPhysical
        let isClear = session.breakpoints.isEmpty && session.stubPhysical == isPhysical
        if isRunning {
            if session.isLeftAsItIs || (isClear && session.ran != false) { return closeStub() }
            if session.wasInterrupted, isRunInFlight { return }
            session.wasInterrupted = true
            interrupt()
            // The stop comes as the answer to the run; a guest that the monitor resumed stops without one.
            if isRunInFlight { return }
        }
        session.isPuttingBack = true
        if session.isLeftAsItIs {
            synchronise(thread: session.controllerThread, isPhysical: isPhysical)
        } else {
            synchronise(thread: nil, isPhysical: isPhysical)
            if session.ran == false {
                for key in session.breakpoints { ask("z" + String(decoding: key, as: UTF8.self)) }
            } else {
                ask(session.farewell, .farewell)
            }
        }
        if flight.isEmpty { closeStub() }
    }
}
